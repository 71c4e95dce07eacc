# SPDX-License-Identifier: MIT
# fish completion for chrondb. What there is to complete is asked from chrondb itself.

function __chrondb_ask
    command $__chrondb_program $__chrondb_globals $argv 2>/dev/null </dev/null
end

function __chrondb_offer_kind --argument-names kind prefix typed
    switch $kind
        case keys
            printf "$prefix%s\n" (__chrondb_ask list --keys --format raw --limit 200 -- "$typed")
        case tables
            printf "$prefix%s\n" (__chrondb_ask tables --format raw)
        case commands
            __chrondb_ask --list-commands
        case branches
            printf "$prefix%s\n" (__chrondb_ask branch --format raw -q)
        case tags
            printf "$prefix%s\n" (__chrondb_ask tag --format raw -q)
        case moments
            printf "$prefix%s\n" (__chrondb_ask branch --format raw -q) (__chrondb_ask tag --format raw -q) \
                (__chrondb_ask branch --remotes --format raw -q)
        case remotes
            printf "$prefix%s\n" (__chrondb_ask remote --format raw -q)
        case remote_verbs
            printf '%s\n' add remove rename set-url
        case settings
            printf '%s\n' get set unset list (__chrondb_ask config list --format raw -q)
        case files
            printf "$prefix%s\n" (__fish_complete_path "$typed")
        case directories
            printf "$prefix%s\n" (__fish_complete_directories "$typed" "")
    end
end

function __chrondb_offer_argument --argument-names option prefix typed
    switch $option
        case --table
            __chrondb_offer_kind tables "$prefix" "$typed"
        case --after
            test "$__chrondb_command" = search; and return 1 # it takes a cursor
            __chrondb_offer_kind keys "$prefix" "$typed"
        case -b --branch --into
            __chrondb_offer_kind branches "$prefix" "$typed"
        case --at --since --until
            __chrondb_offer_kind moments "$prefix" "$typed"
        case --resolve
            __chrondb_offer_kind files "$prefix" "$typed"
        case -C --db --index
            __chrondb_offer_kind directories "$prefix" "$typed"
        case '*'
            return 1
    end
end

# Does this option take the next word as its argument?
function __chrondb_takes_word --argument-names option
    switch $option
        case -C -b -n
            return 0
        case -m
            test "$__chrondb_command" != branch
        case --color
            return 1
        case '--*'
            string match -q -- "$option=*" $__chrondb_options
        case '*'
            return 1
    end
end

function __chrondb_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l name
    set -l place 1
    set -l i 2
    set -g __chrondb_program $words[1]
    set -g __chrondb_globals
    set -g __chrondb_command
    set -g __chrondb_options
    while test $i -le (count $words)
        switch $words[$i]
            case -C --db -b --branch --index
                test $i -eq (count $words); or set -a __chrondb_globals $words[$i] $words[(math $i + 1)]
                set i (math $i + 1)
            case '--db=*' '--branch=*' '--index=*'
                set -a __chrondb_globals $words[$i]
            case --format --lock-timeout
                set i (math $i + 1)
            case --
                set place 99 # whatever comes last
            case '-*'
                __chrondb_takes_word $words[$i]; and set i (math $i + 1)
            case '*'
                if set -q name[1]
                    set place (math $place + 1)
                else
                    set name $words[$i]
                    set __chrondb_command $name
                    set __chrondb_options (__chrondb_ask $name --list-options)
                end
        end
        set i (math $i + 1)
    end

    set -q __chrondb_options[1]; or set __chrondb_options (__chrondb_ask --list-options)
    set -l parts (string match -r -- '^(--[a-z-]+)=(.*)$' "$current")
    if set -q parts[2]; and __chrondb_offer_argument $parts[2] "$parts[2]=" "$parts[3]"
        return
    end
    if __chrondb_offer_argument "$words[-1]" "" "$current"
        return
    end
    if __chrondb_takes_word "$words[-1]"
        string replace -f -- "$words[-1]=" '' $__chrondb_options | string match -v -r '^(\t.*)?$'
        return
    end
    switch "$current"
        case '-*'
            printf '%s\n' $__chrondb_options
        case '@*'
            __chrondb_offer_kind files @ (string sub -s 2 -- "$current")
        case '*'
            if set -q name[1]
                set -l kinds (string split ' ' -- "$(__chrondb_ask $name --list-arguments)")
                test $place -le (count $kinds); or set place (count $kinds)
                __chrondb_offer_kind "$kinds[$place]" "" "$current"
            else
                __chrondb_offer_kind commands "" "$current"
            end
    end
end

complete -c chrondb -f -a '(__chrondb_complete)'
