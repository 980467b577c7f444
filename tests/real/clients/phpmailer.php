<?php
// PHPMailer, as WordPress and most web applications send.
require '/usr/share/php/libphp-phpmailer/autoload.php';

$mail = new PHPMailer\PHPMailer\PHPMailer(true);
$mail->isSMTP();
$mail->Host = getenv('HOST');
$mail->Port = (int) getenv('PORT');
$mail->SMTPAuth = true;
$mail->AuthType = strtoupper(getenv('LOGIN'));
$mail->Username = getenv('MAIL_USER');
$mail->Password = getenv('MAIL_PASSWORD');
$mail->SMTPAutoTLS = false;
$mail->SMTPSecure = ['off' => '', 'starttls' => 'tls', 'implicit' => 'ssl'][getenv('TLS')];
$mail->SMTPOptions = ['ssl' => ['cafile' => getenv('CA')]];
$mail->CharSet = 'UTF-8';
$mail->setFrom(getenv('MAIL_USER'), 'Jürgen Möller-Wölfli');
$mail->addAddress(getenv('MAIL_USER'));
$mail->Subject = getenv('SUBJECT');
$mail->Body = file_get_contents('text');
$mail->addAttachment('noise.bin', 'Übersicht 図.bin');
$mail->send();
echo "did send alike\n";
fgets(STDIN);
