# shellcheck shell=bash
# What the firmware costs: sourced by scripts/test-embedded, which has `fail`.

# name -> whole number. Set by `measure`.
declare -A figure

# How much of the library is for what, by the names of its functions: lines "name bytes". What is left is for all
# of them: constants, copying, arithmetic, what the compiler takes out of several functions.
parts_of() { # <image>
    local start size
    read -r _ size start < <(arm-none-eabi-size -A "$1" | grep '^\.nsw_library ')
    arm-none-eabi-nm -C --print-size --radix=d "$1" | awk -v start="$start" -v size="$size" '
        function is(pattern) { return name ~ pattern }
        $1 + 0 < start || $1 + 0 >= start + size || NF < 4 || seen[$1]++ { next }
        { name = $0; sub(/^[0-9]+ [0-9]+ . /, "", name); part = "" }
        is("OUTLINED") { next }
        is("crdt::") || is("nsw_store") || is("[sS]haring") || is("SharedStore") { sum["store"] += $2; next }
        is("consensus::") || is("nsw_raft") || is("RaftMember") || is("ffi::raft") { sum["raft"] += $2; next }
        is("requests") || is("Requests") { sum["requests"] += $2; next }
        is("node::") || is("nsw_node") || is("nsw_member") || is("postcard") { sum["node"] += $2; next }
        is("framing::") || is("framer") || is("nsw_frame") || is("crc::") { sum["framing"] += $2; next }
        is("comm::") || is("nsw_noise") || is("nsw_identity") || is("ffi::identity") { sum["sessions"] += $2; next }
        is("salty") || is("25519") || is("chacha20") || is("poly1305") || is("blake2") || is("sha2") ||
            is("hkdf") || is("hmac") || is("cipher::") || is("universal_hash") { sum["sessions"] += $2; next }
        is("nn::") || is("qnet") { sum["network"] += $2 }
        END { for (part in sum) print part, sum[part] }'
}

# Collects what the firmware and the host's program told, and the image's sizes.
measure() { # <folder>
    local name value
    while read -r name value; do
        figure[$name]=$value
    done <"$1/figures.txt"
    while read -r name value; do
        figure[host_$name]=$value
    done <"$1/host/figures.txt"
    while read -r name value; do
        case $name in
        kernel_* | dense_*) figure[$name]=$value ;;
        esac
    done <"$1/kernels.txt"
    while read -r name value _; do
        case $name in
        .vectors | .nsw_library | .model | .program | .data | .bss | .stack)
            figure[section_${name#.}]=$value
            ;;
        esac
    done < <(arm-none-eabi-size -A "$1/firmware.elf")

    # The linker script puts what comes from the library's archive into a
    # section of its own, and the model into another.
    figure[flash_library]=${figure[section_nsw_library]}
    figure[flash_model]=${figure[section_model]}
    figure[flash_program]=$((figure[section_vectors] + figure[section_program] + figure[section_data]))
    figure[flash_total]=$((figure[flash_library] + figure[flash_model] + figure[flash_program]))
    figure[static_ram]=$((figure[section_data] + figure[section_bss] - figure[arena_size]))
    figure[stack_size]=${figure[section_stack]}

    local firmware
    for firmware in noise capability signing link store raft raft_all plan; do
        while read -r name value; do
            case $name in
            "$firmware"_*) figure[$name]=$value ;;
            esac
        done <"$1/$firmware.txt"
        if [[ $firmware != raft* && $firmware != plan ]]; then
            while read -r name value; do
                figure[$name]=$value
            done <"$1/$firmware-peer.txt"
        fi
        while read -r name value _; do
            case $name in
            .vectors | .nsw_library | .program | .data) figure[${firmware}_${name#.}]=$value ;;
            esac
        done < <(arm-none-eabi-size -A "$1/$firmware.elf")
        figure[${firmware}_flash]=$((figure[${firmware}_vectors] + figure[${firmware}_nsw_library] + \
            figure[${firmware}_program] + figure[${firmware}_data]))
    done

    # A whole member, in two boards; both are the same, but for how deep the stack was.
    local board
    figure[node_images]=0
    figure[node_stack_high_water]=0
    for board in "$1"/boards/board-*.txt; do
        while read -r name value; do
            case $name in
            node_images) figure[$name]=$((figure[$name] + value)) ;;
            node_stack_high_water) figure[$name]=$((value > figure[$name] ? value : figure[$name])) ;;
            node_*) figure[$name]=$value ;;
            esac
        done <"$board"
    done
    while read -r name value _; do
        case $name in
        .vectors | .nsw_library | .model | .program | .data | .bss) figure[node_${name#.}]=$value ;;
        esac
    done < <(arm-none-eabi-size -A "$1/node.elf")
    figure[node_flash]=$((figure[node_vectors] + figure[node_nsw_library] + figure[node_model] + \
        figure[node_program] + figure[node_data]))
    figure[node_ram_other]=$((figure[node_data] + figure[node_bss] - figure[node_arena_size]))
    figure[node_ram]=$((figure[node_arena_high_water] + figure[node_ram_other] + figure[node_stack_high_water]))
    figure[node_flash_program]=$((figure[node_vectors] + figure[node_program] + figure[node_data]))
    figure[node_flash_shared]=${figure[node_nsw_library]}
    while read -r name value; do
        figure[node_flash_$name]=$value
        figure[node_flash_shared]=$((figure[node_flash_shared] - value))
    done < <(parts_of "$1/node.elf")

    # With memcpy and its like, which the compiler calls for it; without the functions that call it, by
    # which all of it is there.
    figure[raft_size]=0
    while read -r name value _; do
        case $name in
        .nsw_library | .program) figure[raft_size]=$((figure[raft_size] + value)) ;;
        esac
    done < <(arm-none-eabi-size -A "$1/raft_size.elf")
    while read -r _ value _ name; do
        case $name in
        *raft_size*) figure[raft_size]=$((figure[raft_size] - 10#$value)) ;;
        esac
    done < <(arm-none-eabi-nm -C --print-size --radix=d "$1/raft_size.elf")

    # Ticks to instructions, by a loop of known length.
    figure[plan_instructions]=$((figure[plan_ticks] * figure[plan_known_instructions] / figure[plan_known_ticks]))
    figure[load_instructions]=$((figure[load_ticks] * figure[known_instructions] / figure[known_ticks]))
    for name in dsp portable; do
        figure[dense_${name}_instructions]=$((figure[dense_${name}_ticks] * figure[known_instructions] / figure[known_ticks]))
    done
    # For a hundred products of weight and input.
    figure[dense_dsp_per_100]=$((figure[dense_dsp_instructions] * 100 / figure[dense_products]))
    figure[inference_instructions]=$((figure[forward_ticks] * figure[known_instructions] / figure[known_ticks] / figure[images]))
}

# The figures in words.
report() {
    local per_tick=$(((figure[known_instructions] + figure[known_ticks] / 2) / figure[known_ticks]))
    cat <<END
An int8 network on an emulated Cortex-M4 (qemu mps2-an386), read from flash, integers only:
  images        ${figure[images]}, of them recognised: ${figure[correct]}, and ${figure[host_correct]} on this machine
  flash         ${figure[flash_total]} bytes without the test images:
                ${figure[flash_library]} library, ${figure[flash_model]} network, ${figure[flash_program]} C program
                (the linker script keeps the three apart)
  arena         ${figure[arena_high_water]} bytes at most, of ${figure[arena_size]}
  other RAM     ${figure[static_ram]} bytes of variables
  stack         ${figure[stack_high_water]} bytes at most, the C program's share included
  instructions  ${figure[inference_instructions]} for an image, ${figure[load_instructions]} once to check and open the network
                (SysTick under qemu's -icount: 1 tick is $per_tick instructions,
                by a loop of ${figure[known_instructions]}; no statement about clock cycles)
  kernels       the DSP extension's agree with the portable ones on ${figure[kernel_layers]} random layers;
                784 inputs, 128 units: ${figure[dense_dsp_instructions]} instructions, for 100 products ${figure[dense_dsp_per_100]}
                (portable: ${figure[dense_portable_instructions]})
Noise and framing alone on the same machine (profile "small"), with this machine as its peer over a serial line:
  handshakes    XX and IK in both roles, ${figure[noise_messages]} messages each way, ${figure[noise_refused]} damaged ones refused
  flash         ${figure[noise_flash]} bytes, of them ${figure[noise_nsw_library]} library
  memory        ${figure[noise_footprint]} bytes for a handshake and its session,
                ${figure[noise_framer_footprint]} for the framer (frames of 300 bytes); stack ${figure[noise_stack_high_water]} bytes at most
Noise, framing, Ed25519 and capabilities, a provisioned signature for its own identity (features "small-curve"
and "secure-element" besides), with this machine as its peer:
  handshakes    XX and IK in both roles, ${figure[capability_asked]} questions, ${figure[capability_denied]} of them denied as they must be
  Ed25519       ${figure[capability_verdicts]} verdicts, all those of this machine's implementation, which is another
  flash         ${figure[capability_flash]} bytes, of them ${figure[capability_nsw_library]} library
  memory        ${figure[capability_identity_footprint]} bytes for the identity, the rest as above; stack ${figure[capability_stack_high_water]} bytes at most
The same with its private key, signing on the device (profile "small" alone), with this machine as its peer:
  Ed25519       ${figure[signing_signatures]} signatures, ${figure[signing_verdicts]} verdicts, all those of this machine
  flash         ${figure[signing_flash]} bytes, of them ${figure[signing_nsw_library]} library
  memory        ${figure[signing_identity_footprint]} bytes for the identity; stack ${figure[signing_stack_high_water]} bytes at most
The secure link on the same machine, with this machine as its peer over a serial line:
  handshakes    XX and IK, ${figure[link_messages]} messages each way, 21 bytes of overhead
  flash         ${figure[link_flash]} bytes, of them ${figure[link_nsw_library]} library
  memory        ${figure[link_footprint]} bytes for a link with 1 peer and 2 handshakes at once (frames of 300 bytes),
                ${figure[link_per_peer]} for another peer with its two sessions, ${figure[link_per_handshake]} for another handshake,
                ${figure[link_arena_high_water]} with identity and framer; stack ${figure[link_stack_high_water]} bytes at most
A replicated store on the same machine, keys of all kinds, with recorded frames of a replica of this machine:
  frames        ${figure[store_told]} told, each byte as by this machine; ${figure[store_taken]} taken in, the last first, ${figure[store_again]} of them twice;
                ${figure[store_states]} of all these with the whole store; ${figure[store_lost]} lost, ${figure[store_damaged]} damaged ones refused,
                ${figure[store_full]} refused without room and taken later
  converged     ${figure[store_compared]} of ${figure[host_store_compared]} times: by sums over everything, and by all values of both
  flash         ${figure[store_flash]} bytes, of them ${figure[store_nsw_library]} library
  memory        ${figure[store_footprint]} bytes for a store of 4 replicas, 24 keys, 64 items with 1,536 bytes, the last 64 changes;
                stack ${figure[store_stack_high_water]} bytes at most
Three Raft nodes in one microcontroller, with a network and flash memories between them that are arrays:
  agreed        on ${figure[raft_committed]} entries of 64 bytes, all three the same; ${figure[raft_elections]} elections, ${figure[raft_crashes]} nodes switched off and on,
                ${figure[raft_lost]} of ${figure[raft_sent]} messages lost, ${figure[raft_snapshots]} snapshots, ${figure[raft_changes]} changes of membership
  flash         ${figure[raft_size]} bytes for all of a node by its Rust functions; by those of C, with what all of C's share,
                ${figure[raft_nsw_library]} of library in an image of ${figure[raft_flash]}; with fetching, forwarding, leases,
                sessions, transfers and witnesses, too, ${figure[raft_all_nsw_library]} of ${figure[raft_all_flash]}
  memory        ${figure[raft_footprint]} bytes for a node of 5 members, with 64 entries of 64 bytes (${figure[raft_all_footprint]} with all);
                stack ${figure[raft_stack_high_water]} bytes at most (${figure[raft_all_stack_high_water]})
A whole member of a swarm (firmware/node.c), two of them and three members of this machine on serial lines:
  done          all find each other, share a counter, agree on a line of each; ${figure[node_images]} images classified for this
                machine, each bit for bit as by its own network
  flash         ${figure[node_flash]} bytes: sessions ${figure[node_flash_sessions]}, node with membership ${figure[node_flash_node]}, store and its
                sharing ${figure[node_flash_store]}, Raft ${figure[node_flash_raft]}, requests ${figure[node_flash_requests]}, int8 network ${figure[node_flash_network]} and its weights
                ${figure[node_model]}, framing ${figure[node_flash_framing]}, what all of these share ${figure[node_flash_shared]}; C program ${figure[node_flash_program]}
  RAM           ${figure[node_ram]} bytes: node of 16 members with all their sessions ${figure[node_ram_node]}, store of 64 keys
                ${figure[node_ram_store]}, its sharing ${figure[node_ram_sharing]}, Raft of 5 members ${figure[node_ram_raft]}, requests ${figure[node_ram_requests]}, network ${figure[node_ram_network]},
                framer ${figure[node_ram_framer]}; other variables ${figure[node_ram_other]}; stack ${figure[node_stack_high_water]} at most
A planner with a domain of ${figure[plan_model]} bytes in flash (tests/hddl/rover), by its Rust functions:
  plan          ${figure[plan_actions]} actions, those that this machine finds, verified; ${figure[plan_nodes]} nodes
  flash         ${figure[plan_flash]} bytes without the domain, of them ${figure[plan_nsw_library]} library
  memory        ${figure[plan_footprint]} bytes for the planner, ${figure[plan_verifier_footprint]} for the verifier;
                stack ${figure[plan_stack_high_water]} bytes at most
  instructions  ${figure[plan_instructions]} from opening the model to the verdict
END
}

# Nothing that formats text and no float routines of a run-time library may be
# in the image. Says which functions have float instructions: they are there
# because something points to them, but none ran.
check_symbols() { # <image>
    local found
    # By demangled name, and in both manglings should one not be understood.
    found=$(arm-none-eabi-nm -C "$1" | grep -E 'core(::|\.\.)fmt|4core3fmt|Formatter' || true)
    if [[ -n $found ]]; then
        echo "$found"
        fail "text formatting is in the image"
    fi
    found=$(arm-none-eabi-nm "$1" | grep -E ' __aeabi_(c?[fd][a-z0-9]*|u?[il]2[fd]|h2f|[fd]2.*)$' || true)
    if [[ -n $found ]]; then
        echo "$found"
        fail "float routines are in the image"
    fi
    # Constants at the beginning of a section, which look like anything, have a name "function-0x...".
    found=$(arm-none-eabi-objdump -dC --no-show-raw-insn "$1" | awk '
        /^[0-9a-f]+ <.*>:$/ { name = $0; sub(/^[0-9a-f]+ </, "", name); sub(/>:$/, "", name); next }
        name ~ /-0x[0-9a-f]+$/ { next }
        $2 ~ /^v[a-z]+/ && !seen[name]++ { print "                " name }')
    if [[ -n $found ]]; then
        printf '  unused        functions with float instructions, linked in but never run:\n%s\n' "$found"
    fi
}

# The budget: lines "name value tolerance%"; '#' begins a comment.
budget_lines() { # <file>
    grep -vE '^[[:space:]]*(#|$)' "$1"
}

check_budget() { # <file>
    local name value tolerance now good=0
    while read -r name value tolerance; do
        tolerance=${tolerance%\%}
        now=${figure[$name]-}
        if [[ -z $now ]]; then
            echo "FAILED: budget: there is no figure called $name"
            good=1
        elif ((now * 100 > value * (100 + tolerance))); then
            echo "FAILED: $name is $now, its budget is $value (+$tolerance%)"
            good=1
        elif ((now * 100 < value * (100 - tolerance))); then
            echo "note: $name is $now, far below its budget of $value: scripts/test-embedded --bless lowers it"
        fi
    done < <(budget_lines "$1")
    return $good
}

# Replaces the values, and keeps the rest of the file.
bless_budget() { # <file>
    local line name value tolerance
    local -a lines
    mapfile -t lines <"$1"
    for line in "${lines[@]}"; do
        if [[ $line =~ ^[[:space:]]*(#|$) ]]; then
            echo "$line"
        else
            read -r name value tolerance <<<"$line"
            if [[ ${figure[$name]-} != "$value" ]]; then
                echo "$name: $value is now ${figure[$name]}" >&2
            fi
            echo "$name ${figure[$name]} $tolerance"
        fi
    done >"$1"
}
