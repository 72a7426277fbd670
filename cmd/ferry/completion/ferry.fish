# Completion of ferry for fish: ferry completion fish | source

function __ferry_complete
	set -l words (commandline -opc) (commandline -ct)
	$words[1] $words[2..-1] --generate-bash-completion 2>/dev/null
end

complete -c ferry -a '(__ferry_complete)'
