# Ruby: net-smtp, net-imap and net-pop, as Rails and Redmine use them. The message is made by mail.
require "mail"
require "net/imap"
require "net/pop"
require "net/smtp"
require "openssl"

HOST, PORT, TLS, LOGIN, USER, PASSWORD, MARKER, TRASH =
  ENV.values_at("HOST", "PORT", "TLS", "LOGIN", "MAIL_USER", "MAIL_PASSWORD", "MARKER", "TRASH")
CHECK = { ca_file: ENV["CA"], verify_mode: OpenSSL::SSL::VERIFY_PEER }.freeze

def did(*words)
  puts ["did", *words].join(" ")
  $stdout.flush
  $stdin.gets
end

def context
  OpenSSL::SSL::SSLContext.new.tap { |made| made.set_params(CHECK) }
end

def send_mail
  mail = Mail.new(charset: "UTF-8", from: "Jürgen Möller-Wölfli <#{USER}>", to: USER, subject: ENV["SUBJECT"])
  mail.text_part = Mail::Part.new(content_type: "text/plain; charset=UTF-8", body: File.read("text"))
  mail.attachments["Übersicht 図.bin"] = { mime_type: "application/octet-stream", content: File.binread("noise.bin") }
  smtp = Net::SMTP.new(HOST, PORT.to_i)
  smtp.enable_tls(context) if TLS == "implicit"
  smtp.enable_starttls(context) if TLS == "starttls"
  smtp.disable_starttls if TLS == "off"
  smtp.start("client.example", USER, PASSWORD, LOGIN.to_sym) { |session| session.send_message(mail.to_s, USER, [USER]) }
  did "send", "alike"
end

def read
  imap = Net::IMAP.new(HOST, port: PORT.to_i, ssl: TLS == "implicit" && CHECK)
  imap.starttls(CHECK) if TLS == "starttls"
  LOGIN == "user" ? imap.login(USER, PASSWORD) : imap.authenticate(LOGIN.upcase, USER, PASSWORD)
  File.write("list", imap.list("", "*").map(&:name).join("\n"))
  did "list"
  imap.select("INBOX")
  did "search", imap.search(["SUBJECT", "#{MARKER}-waiting"]).size, imap.search(["SUBJECT", "something else"]).size
  File.binwrite("fetched", imap.fetch(1, "BODY.PEEK[]")[0].attr["BODY[]"])
  did "fetch"
  imap.create("Work")
  did "create"
  imap.append("Work", File.binread("message"), [:Seen])
  did "append"
  imap.store(1, "+FLAGS", [:Flagged])
  did "flag"
  imap.uid_move(imap.uid_search(["ALL"]), TRASH)
  did "move"
  imap.select(TRASH)
  imap.store(1, "+FLAGS", [:Deleted])
  imap.expunge
  did "delete"
  imap.select("INBOX")
  told = false
  imap.idle(60) do |answer|
    if answer.is_a?(Net::IMAP::ContinuationRequest)
      Thread.new { did "idle" } # this is called with the connection locked
    elsif answer.name == "EXISTS" && !told
      told = true
      imap.idle_done
    end
  end
  did "wake"
  imap.logout
end

def take
  pop3 = Net::POP3.new(HOST, PORT.to_i)
  pop3.enable_ssl(OpenSSL::SSL::VERIFY_PEER, ENV["CA"]) if TLS == "implicit"
  pop3.start(USER, PASSWORD) do
    did "stat", pop3.n_mails
    did "uidl", *pop3.mails.map(&:unique_id)
    first = pop3.mails.first
    File.binwrite("top", first.top(0))
    did "top"
    File.binwrite("fetched", first.pop)
    did "retr"
    first.delete
  end
  did "dele"
end

{ "smtp" => method(:send_mail), "imap" => method(:read), "pop3" => method(:take) }.fetch(ARGV[0]).call
