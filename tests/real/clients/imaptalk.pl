# Perl's Mail::IMAPTalk, the client of Cyrus and Fastmail.
use strict;
use warnings;
use IO::Socket::SSL;
use Mail::IMAPTalk;

my ($host, $port, $tls, $marker, $trash) = @ENV{qw(HOST PORT TLS MARKER TRASH)};
$| = 1;

my $imap;

sub did { print "did @_\n"; <STDIN> }
sub sure($) { $_[0] // die $imap->get_last_error }

my @to = (Server => $host, Port => $port);
if ($tls eq 'implicit') {
    my $socket = IO::Socket::SSL->new(PeerHost => $host, PeerPort => $port, SSL_ca_file => $ENV{CA}) || die "TLS: $SSL_ERROR";
    # As its page says of TLS: else a record that came in part is the end for it.
    @to = (Socket => $socket, UseBlocking => 1);
}
$imap = Mail::IMAPTalk->new(@to, Username => $ENV{MAIL_USER}, Password => $ENV{MAIL_PASSWORD}, Uid => 1)
    or die "no connection: $@";

open my $list, '>', 'list' or die;
print $list "$_->[2]\n" for @{ sure($imap->list('', '*')) };
close $list;
did('list');
sure($imap->select('INBOX'));
my $found = sure($imap->search('SUBJECT', "$marker-waiting"));
did('search', scalar @$found, scalar @{ sure($imap->search('SUBJECT', 'something else')) });
open my $fetched, '>:raw', 'fetched' or die;
print $fetched (values %{ sure($imap->fetch($found, 'body.peek[]')) })[0]{body};
close $fetched;
did('fetch');
sure($imap->create('Work'));
did('create');
open my $message, '<:raw', 'message' or die;
sure($imap->append('Work', { Literal => do { local $/; <$message> } }));
did('append');
sure($imap->store($found, '+flags', '(\Flagged)'));
did('flag');
sure($imap->copy($found, $trash));
sure($imap->store($found, '+flags', '(\Deleted)'));
sure($imap->expunge);
did('move');
sure($imap->select($trash));
sure($imap->store('1:*', '+flags', '(\Deleted)'));
sure($imap->expunge);
did('delete');
$imap->logout;
