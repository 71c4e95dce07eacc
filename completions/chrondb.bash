# SPDX-License-Identifier: MIT
# bash completion for chrondb. What there is to complete is asked from chrondb itself.

# The words up to the cursor as the shell will see them: bash hands "user:1" out as three words, because of
# COMP_WORDBREAKS, but the line still shows that nothing stands between them.
_chrondb_join_words() {
    local rest=$COMP_LINE piece i
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]}
        if ((i > 0)) && [[ -n $rest && $rest != [[:space:]]* ]]; then
            words[${#words[@]} - 1]+=$piece
        else
            words+=("$piece")
        fi
        rest=${rest#"${rest%%[![:space:]]*}"}
        rest=${rest#"$piece"}
    done
}

# Offer the lines of standard input that start with the current word; what stands behind a tab is a description.
# "$1": what to put before each line.
_chrondb_offer() {
    local line
    while IFS= read -r line; do
        [[ -n $line && $1$line == "$cur"* ]] || continue
        line=$1${line%%$'\t'*}
        if [[ $line != -* ]]; then
            line=$(printf '%q' "$line")
        fi
        COMPREPLY+=("$line")
    done
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

_chrondb_ask() {
    "$program" "${globals[@]}" "$@" 2>/dev/null </dev/null
}

_chrondb_offer_kind() { # KIND PREFIX
    local typed=${cur#"$2"}
    case $1 in
    keys) _chrondb_offer "$2" < <(_chrondb_ask list --keys --format raw --limit 200 -- "$typed") ;;
    tables) _chrondb_offer "$2" < <(_chrondb_ask tables --format raw) ;;
    commands) _chrondb_offer "$2" < <(_chrondb_ask --list-commands) ;;
    branches) _chrondb_offer "$2" < <(_chrondb_ask branch --format raw -q) ;;
    tags) _chrondb_offer "$2" < <(_chrondb_ask tag --format raw -q) ;;
    moments)
        _chrondb_offer "$2" < <(
            _chrondb_ask branch --format raw -q && _chrondb_ask tag --format raw -q &&
                _chrondb_ask branch --remotes --format raw -q
        )
        ;;
    remotes) _chrondb_offer "$2" < <(_chrondb_ask remote --format raw -q) ;;
    remote_verbs) _chrondb_offer "$2" < <(printf '%s\n' add remove rename set-url) ;;
    settings) _chrondb_offer "$2" < <(printf '%s\n' get set unset list && _chrondb_ask config list --format raw -q) ;;
    files)
        compopt -o filenames 2>/dev/null
        _chrondb_offer "$2" < <(compgen -f -- "$typed")
        ;;
    directories)
        compopt -o filenames 2>/dev/null
        _chrondb_offer "$2" < <(compgen -d -- "$typed")
        ;;
    esac
}

# Does this option take the next word as its argument?
_chrondb_takes_word() {
    case $1 in
    -C | -b | -n) ;;
    -m) [[ $command != branch ]] ;;
    --color) return 1 ;;
    --*) [[ $'\n'$options == *$'\n'"$1="* ]] ;;
    *) return 1 ;;
    esac
}

# The words that such an option may have, if they are known.
_chrondb_offer_words() { # OPTION
    local line
    _chrondb_offer "" < <(
        while IFS= read -r line; do
            [[ $line != "$1="* ]] || printf '%s\n' "${line#"$1="}"
        done <<<"$options"
    )
}

# The option that the current word is an argument of, if there is one: "--table X" or "--table=X".
_chrondb_offer_argument() { # OPTION PREFIX
    case $1 in
    --table) _chrondb_offer_kind tables "$2" ;;
    --after)
        [[ $command != search ]] || return 1 # it takes a cursor
        _chrondb_offer_kind keys "$2"
        ;;
    -b | --branch | --into) _chrondb_offer_kind branches "$2" ;;
    --at | --since | --until) _chrondb_offer_kind moments "$2" ;;
    --resolve) _chrondb_offer_kind files "$2" ;;
    -C | --db | --index) _chrondb_offer_kind directories "$2" ;;
    *) return 1 ;;
    esac
}

_chrondb() {
    local words cur prev program command='' options='' i place=0
    local -a globals=() kinds
    COMPREPLY=()
    _chrondb_join_words
    cur=${words[${#words[@]} - 1]}
    prev=${words[${#words[@]} - 2]}
    program=${words[0]/#\~/$HOME}

    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        case ${words[i]} in
        -C | --db | -b | --branch | --index)
            ((i + 2 == ${#words[@]})) || globals+=("${words[i]}" "${words[i + 1]/#\~/$HOME}")
            ((i++))
            ;;
        --db=* | --branch=* | --index=*) globals+=("${words[i]}") ;;
        --format | --lock-timeout) ((i++)) ;;
        --)
            place=99 # whatever comes last
            ;;
        -*) ! _chrondb_takes_word "${words[i]}" || ((i++)) ;;
        *)
            [[ -z $command ]] || ((place += 1))
            if [[ -z $command ]]; then
                command=${words[i]}
                options=$(_chrondb_ask "$command" --list-options)
            fi
            ;;
        esac
    done

    [[ -n $options ]] || options=$(_chrondb_ask --list-options)
    if [[ $cur == --*=* ]] && _chrondb_offer_argument "${cur%%=*}" "${cur%%=*}="; then
        :
    elif _chrondb_offer_argument "$prev" ""; then
        :
    elif _chrondb_takes_word "$prev"; then
        _chrondb_offer_words "$prev"
    elif [[ $cur == -* ]]; then
        _chrondb_offer "" <<<"$options"
    elif [[ -z $command ]]; then
        _chrondb_offer_kind commands ""
    elif [[ $cur == @* ]]; then
        _chrondb_offer_kind files @
    else
        read -ra kinds < <(_chrondb_ask "$command" --list-arguments)
        ((${#kinds[@]})) || kinds=(none) # the command is unknown, or not chrondb's
        ((place < ${#kinds[@]})) || place=$((${#kinds[@]} - 1))
        _chrondb_offer_kind "${kinds[place]}" ""
    fi

    # Readline replaces only what stands behind the last break.
    local breaks=${COMP_WORDBREAKS//[!:=@]/}
    if [[ -n $breaks && $cur == *[$breaks]* ]]; then
        local trim=${cur%"${cur##*["$breaks"]}"}
        for i in "${!COMPREPLY[@]}"; do
            COMPREPLY[i]=${COMPREPLY[i]#"$trim"}
        done
    fi
}

complete -F _chrondb chrondb
