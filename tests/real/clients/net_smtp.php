<?php
// PEAR's Net_SMTP, as Roundcube and Horde send.
require 'Net/SMTP.php';

function sure($answer)
{
    if (PEAR::isError($answer)) {
        throw new Exception($answer->getMessage());
    }
    return $answer;
}

$tls = getenv('TLS');
$host = ($tls === 'implicit' ? 'tls://' : '') . getenv('HOST');
$smtp = new Net_SMTP($host, (int) getenv('PORT'), 'client.example', false, 60, ['ssl' => ['cafile' => getenv('CA')]]);
sure($smtp->connect());
if ($tls === 'starttls') {
    sure($smtp->starttls());
}
sure($smtp->auth(getenv('MAIL_USER'), getenv('MAIL_PASSWORD'), strtoupper(getenv('LOGIN')), false));
sure($smtp->mailFrom(getenv('MAIL_USER')));
sure($smtp->rcptTo(getenv('MAIL_USER')));
sure($smtp->data(file_get_contents('message')));
$smtp->disconnect();
echo "did send\n";
fgets(STDIN);
