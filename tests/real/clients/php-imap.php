<?php
// PHP's imap extension: the C client of the University of Washington, as in alpine and in older ticket systems.
function did(...$words)
{
    echo 'did ', implode(' ', $words), "\n";
    fgets(STDIN);
}

$protocol = $argv[1];
$tls = ['off' => '/notls', 'starttls' => '/tls', 'implicit' => '/ssl'][getenv('TLS')];
$server = '{' . getenv('HOST') . ':' . getenv('PORT') . "/$protocol$tls}";
$trash = getenv('TRASH');
$marker = getenv('MARKER');
$mail = imap_open($server . 'INBOX', getenv('MAIL_USER'), getenv('MAIL_PASSWORD')) or die(implode("\n", imap_errors()));

if ($protocol === 'pop3') {
    did('stat', imap_num_msg($mail));
    file_put_contents('top', imap_fetchheader($mail, 1));
    did('top');
    file_put_contents('fetched', imap_fetchheader($mail, 1) . imap_body($mail, 1));
    did('retr');
    imap_delete($mail, '1');
    imap_close($mail, CL_EXPUNGE);
    did('dele');
    exit(0);
}

file_put_contents('list', implode("\n", imap_list($mail, $server, '*')));
did('list');
$count = fn($subject) => count(imap_search($mail, "SUBJECT \"$subject\"") ?: []);
did('search', $count("$marker-waiting"), $count('something else'));
file_put_contents('fetched', imap_fetchheader($mail, 1) . imap_body($mail, 1, FT_PEEK));
did('fetch');
imap_createmailbox($mail, $server . 'Work') or die(imap_last_error());
did('create');
imap_append($mail, $server . 'Work', file_get_contents('message')) or die(imap_last_error());
did('append');
imap_setflag_full($mail, '1', '\\Flagged');
did('flag');
imap_mail_move($mail, '1', $trash) or die(imap_last_error());
imap_expunge($mail);
did('move');
imap_reopen($mail, $server . $trash);
imap_delete($mail, '1');
imap_expunge($mail);
did('delete');
imap_close($mail);
