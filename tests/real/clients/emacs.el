;; Emacs: smtpmail, as Gnus, mu4e and notmuch use it.
(require 'smtpmail)
(make-directory user-emacs-directory t)

(let ((host (getenv "HOST")) (port (string-to-number (getenv "PORT"))) (user (getenv "MAIL_USER")))
  (with-temp-file "authinfo"
    (insert (format "machine %s port %d login %s password %S\n" host port user (getenv "MAIL_PASSWORD"))))
  (setq auth-sources '("authinfo")
        smtpmail-smtp-server host
        smtpmail-smtp-service port
        smtpmail-smtp-user user
        smtpmail-stream-type (pcase (getenv "TLS") ("starttls" 'starttls) ("implicit" 'ssl) (_ 'plain))
        smtpmail-local-domain "client.example"
        gnutls-trustfiles (list (getenv "CA"))
        gnutls-verify-error t
        network-security-level 'low
        user-mail-address user)
  (with-temp-buffer
    (set-buffer-multibyte nil)
    (let ((coding-system-for-read 'raw-text-dos)) (insert-file-contents-literally "message"))
    (goto-char (point-min))
    (while (search-forward "\r\n" nil t) (replace-match "\n"))
    (let ((refused (smtpmail-via-smtp (list user) (current-buffer))))
      (when refused (error "refused: %s" refused)))))
(princ "did send\n")
(read-from-minibuffer "")
