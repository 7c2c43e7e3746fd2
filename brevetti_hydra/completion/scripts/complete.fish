# Completion of brevetti-hydra for fish. Load it:  brevetti-hydra completion fish | source

function __brevetti_hydra_ask
    # fish itself would complain of an interpreter that is gone.
    test -x @PYTHON@; or return
    @PYTHON@ -P -m brevetti_hydra.completion fish $argv[1] (commandline -opc) (commandline -ct) 2>/dev/null </dev/null
end

# Whether python is to run this package; other uses keep the completion that they have.
function __brevetti_hydra_is_module
    set -l words (commandline -opc)
    contains -- brevetti_hydra $words; or contains -- -mbrevetti_hydra $words
end

complete -c brevetti-hydra -f -k -a '(__brevetti_hydra_ask script)'
for name in python python3 python3.11 python3.12 python3.13 python3.14
    complete -c $name -n __brevetti_hydra_is_module -f -k -a '(__brevetti_hydra_ask python)'
end
