my %h; $h{"key$_"} = $_ for 1..60000; my $s = 0; $s += $h{"key$_"} for 1..60000; print "$s\n";
