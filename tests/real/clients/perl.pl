# Perl: Net::SMTP, Mail::IMAPClient and Net::POP3, as most old scripts of administrators use them.
use strict;
use warnings;
use Authen::SASL;
use IO::Socket::SSL;
use Mail::IMAPClient;
use Net::POP3;
use Net::SMTP;

my ($host, $port, $tls, $login, $user, $password, $marker, $trash) =
    @ENV{qw(HOST PORT TLS LOGIN MAIL_USER MAIL_PASSWORD MARKER TRASH)};
my @check = (SSL_ca_file => $ENV{CA}, SSL_verify_mode => SSL_VERIFY_PEER, SSL_verifycn_name => $host);
$| = 1;

sub did { print "did @_\n"; <STDIN> }

sub content {
    my ($name, $bytes) = @_;
    open my $file, $bytes ? '>:raw' : '<:raw', $name or die "$name: $!";
    return print $file $bytes if $bytes;
    local $/;
    return <$file>;
}

sub send_mail {
    my $smtp = Net::SMTP->new($host, Port => $port, Timeout => 60, SSL => $tls eq 'implicit', @check) or die "no connection: $@";
    $smtp->starttls(@check) or die 'STARTTLS: ' . $smtp->message if $tls eq 'starttls';
    my $sasl = Authen::SASL->new(mechanism => uc $login, callback => { user => $user, pass => $password });
    $smtp->auth($sasl) or die 'AUTH: ' . $smtp->message;
    $smtp->mail($user) && $smtp->to($user) && $smtp->data && $smtp->datasend(content('message')) && $smtp->dataend
        or die $smtp->message;
    $smtp->quit;
    did('send');
}

sub read_mail {
    my $imap = Mail::IMAPClient->new(
        Server => $host, Port => $port, User => $user, Password => $password, Uid => 1, Timeout => 60,
        $login eq 'user' ? () : (Authmechanism => uc $login),
        $tls eq 'implicit' ? (Ssl => [@check]) : $tls eq 'starttls' ? (Starttls => [@check]) : (),
    ) or die "no connection: $@";
    content('list', join "\n", $imap->folders);
    did('list');
    $imap->select('INBOX') or die $imap->LastError;
    my ($found) = my @found = $imap->search('SUBJECT', $imap->Quote("$marker-waiting"));
    my @missed = $imap->search('SUBJECT', $imap->Quote('something else'));
    did('search', scalar @found, scalar @missed);
    content('fetched', $imap->message_string($found));
    did('fetch');
    $imap->create('Work') or die $imap->LastError;
    did('create');
    $imap->append_string('Work', content('message')) or die $imap->LastError;
    did('append');
    $imap->set_flag('Flagged', $found) or die $imap->LastError;
    did('flag');
    $imap->move($trash, $found) or die $imap->LastError;
    $imap->expunge;
    did('move');
    $imap->select($trash);
    $imap->delete_message($imap->messages) or die $imap->LastError;
    $imap->expunge;
    did('delete');
    $imap->select('INBOX');
    my $idle = $imap->idle or die $imap->LastError;
    did('idle');
    my @lines;
    @lines = @{ $imap->idle_data(60) || die 'nothing came' } until grep { /EXISTS/ } @lines;
    $imap->done($idle) or die $imap->LastError;
    did('wake');
    $imap->logout;
}

sub take {
    my $pop3 = Net::POP3->new($host, Port => $port, Timeout => 60, SSL => $tls eq 'implicit', @check) or die "no connection: $@";
    $pop3->starttls(@check) or die 'STLS: ' . $pop3->message if $tls eq 'starttls';
    defined $pop3->login($user, $password) or die 'login: ' . $pop3->message;
    did('stat', ($pop3->popstat)[0]);
    my $ids = $pop3->uidl;
    did('uidl', values %$ids);
    content('top', join '', @{ $pop3->top(1, 0) });
    did('top');
    content('fetched', join '', @{ $pop3->get(1) });
    did('retr');
    $pop3->delete(1);
    $pop3->quit;
    did('dele');
}

{ smtp => \&send_mail, imap => \&read_mail, pop3 => \&take }->{ $ARGV[0] }->();
