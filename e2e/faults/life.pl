# An agent that writes down its own life: `perl life.pl HOW`, with LIFE_DIR in the environment.
# The lock shows two living incarnations of one instance however short they live together.
use strict;
use warnings;
use Fcntl qw(:DEFAULT :flock);
use POSIX ();
my ($how) = @ARGV;
my ($dir, $name, $incarnation) = @ENV{qw(LIFE_DIR SAC_AGENT SAC_INCARNATION)};

sub note {
    my ($what) = @_;
    sysopen(my $file, "$dir/life", O_WRONLY | O_APPEND | O_CREAT) or die "life: $!";
    syswrite($file, "$name $incarnation $$ $what\n");
    close($file);
}

# Before it is known to be born: who is asked to end sooner would end without a word.
$SIG{HUP} = 'IGNORE' if $how eq 'stubborn';
$SIG{TERM} = sub { note('asked'); exit 0 unless $how eq 'stubborn' };
open(my $lock, '>>', "$dir/$name.lock") or die "lock: $!";
note('born');
note('two') unless flock($lock, LOCK_EX | LOCK_NB);
if ($how eq 'family' || $how eq 'leaver') {
    my $child = fork();
    if ($child == 0) {
        POSIX::setsid();
        open($_, '+<', '/dev/null') for *STDIN;
        open(STDOUT, '>', '/dev/null');
        open(STDERR, '>', '/dev/null');
        exec 'sleep', '100000';
    }
}
exit 0 if $how eq 'leaver' || $how eq 'job';
sleep 1000 while 1;
