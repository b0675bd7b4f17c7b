/// What every batch script ends with, after its values. Made by scripts/embed-slurm from deploy/slurm.
extension SlurmScript {
    /// Of a whole run: run.sbatch.
    static let runBody = #"""
        # ---- The script: the same for every run.
        #
        # The batch script runs on the first node. By srun it starts a step there with the coordinator and one with the
        # recorder, and on each node a step with its share of the workers, a task for each. A task starts its role again when
        # it fails; the script starts a step again whose node was lost, on another node. The run is over when the coordinator
        # says so.
        #
        # On USR2 (the time limit is near) and on TERM (scancel, preemption) the coordinator sends everybody home, who hand over
        # and put on disk what they have. After USR2 the job is put into the queue again, where it goes on with what RUN holds.
        set -uo pipefail
        export RUN PROGRAM GOAL PORT KEYS LOCAL_DISK
        # Where the others find the coordinator; there only while the cluster takes nodes in.
        export ENDPOINT=$RUN/cluster.endpoint

        # A role or a step that lasted so long has not failed at its start.
        export HEALTHY_SECONDS=30
        export FAILURES_IN_A_ROW=5
        # Slurm is asked no more often whether the job has its first node.
        export GUARD_SECONDS=20
        readonly START_SECONDS=60 FAREWELL_SECONDS=40

        say() { printf '%(%F %T)T %s\n' -1 "$*" >&2; }

        # Rests before the next attempt, the longer the more attempts failed; false after too many in a row.
        #   rest NAME BEGAN, with the caller's variable `failures`
        rest() {
            ((SECONDS - $2 < HEALTHY_SECONDS)) || failures=0
            ((++failures < FAILURES_IN_A_ROW)) || {
                say "$1 has failed $failures times in a row"
                return 1
            }
            sleep $((1 << failures))
        }

        # ---- In a step. Slurm sends a signal to every process of a task: the role takes it, too, and need not be told.

        # The coordinator. What it ends with is its word on the run; only one that was killed comes back, where it was.
        serve_coordinator() {
            local failures=0 began code leaving='' bind="tcp://0.0.0.0:$PORT" listening=$RUN/coordinator.endpoint
            trap 'leaving=1' TERM
            while :; do
                began=$SECONDS
                "$PROGRAM" coordinator "$RUN" --restarted --goal "$GOAL" --keys "$KEYS" --bind "$bind" \
                    >>"$RUN/logs/coordinator-0.log" 2>&1
                code=$?
                [[ $code -gt 128 && -z $leaving ]] || return $code
                say "the coordinator was killed (exit code $code)"
                rest coordinator $began || return $code
                [[ ! -s $listening ]] || bind=$(<"$listening")
            done
        }

        # Of the workers that it is given, ROLE-NUMBER each, the one of this task's number. Exit code 0 of a role means that it
        # is not needed any more.
        serve() {
            local workers=("$@") failures=0 began code leaving='' options=()
            local worker=${workers[SLURM_PROCID]}
            trap 'leaving=1' TERM
            case $worker in
            learner-* | recorder-*) options=(--bind 'tcp://0.0.0.0:*' --announce "$ADDRESS") ;;&
            recorder-*) [[ -z $LOCAL_DISK ]] || options+=(--growing-folder "$LOCAL_DISK") ;;&
            recorder-0) ;;
            recorder-*) options+=(--folder "$RUN/$worker") ;;
            esac
            while :; do
                began=$SECONDS
                "$PROGRAM" "${worker%-*}" --coordinator "$ENDPOINT" --keys "$KEYS" "${options[@]}" \
                    >>"$RUN/logs/$worker.log" 2>&1
                code=$?
                ((code)) || return 0
                say "$worker on $SLURMD_NODENAME ended with exit code $code; see logs/$worker.log"
                [[ -z $leaving && -e $ENDPOINT ]] || return 0
                rest "$worker" $began || return $code
            done
        }
        # The nodes that the job still has: Slurm takes lost ones away.
        nodes() { scontrol show hostnames "$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%N)"; }

        # On another node than the first: a job whose first node is lost has no script any more, but keeps its other nodes until
        # somebody puts it back into the queue.
        guard() {
            local turn=0 leaving='' left
            trap 'leaving=1' TERM
            # With the first node, the reader of what a task writes is gone, too.
            exec >>"$RUN/logs/guard.log" 2>&1
            while [[ -z $leaving && -e $ENDPOINT ]]; do
                sleep 1
                ((++turn % GUARD_SECONDS == 0)) || continue
                mapfile -t left < <(nodes)
                [[ ${#left[@]} -gt 0 && " ${left[*]} " != *" $HEAD "* ]] || continue
                say "the first node, $HEAD, is lost: the job goes into the queue again"
                scontrol requeue "$SLURM_JOB_ID"
                return
            done
        }
        export -f say rest serve serve_coordinator nodes guard

        # ---- On the first node.

        # By which Slurm itself reaches the node.
        address_of() { scontrol show node --oneliner "$1" | sed -n 's/.* NodeAddr=\([^ ]*\).*/\1/p'; }

        # step NODE TASKS COMMAND...: each task runs the command; the end of one is not the end of the others.
        step() {
            local node=$1 tasks=$2
            shift 2
            ADDRESS=$(address_of "$node") srun --overlap --overcommit --nodes=1 --nodelist="$node" --ntasks="$tasks" \
                --cpu-bind=none --kill-on-bad-exit=0 --wait=0 --job-name="$1" \
                bash -c '"$@"' bash "$@" </dev/null
        }

        # Keeps the coordinator's step, which belongs to this node: a signal to this script is no end of its steps.
        lead() {
            trap : TERM USR2
            step "$HEAD" 1 serve_coordinator
        }

        # Keeps workers at work on a node; where the job has lost it, on another one of those that are left.
        #   work NODE WORKER...    or, in place of workers, `guard`
        work() {
            local node=$1 failures=0 began code left
            shift
            trap : TERM USR2
            while :; do
                began=$SECONDS
                if [[ $1 == guard ]]; then step "$node" 1 guard; else step "$node" $# serve "$@"; fi
                code=$?
                [[ -e $ENDPOINT ]] || return
                mapfile -t left < <(nodes)
                # The exit code says nothing of it: srun ends with 0 when its node is lost.
                if [[ ${#left[@]} -gt 0 && " ${left[*]} " != *" $node "* ]]; then
                    say "$node is lost; $* go on elsewhere"
                    node=${left[RANDOM % ${#left[@]}]}
                    # The first node cannot guard itself.
                    [[ $1 != guard ]] || node=${left[-1]}
                    continue
                fi
                ((code)) || return
                rest "the step of $* on $node" $began || return
            done
        }

        # The exit code of a child; signals to this script only interrupt the wait.
        await() {
            wait "$1"
            while kill -0 "$1" 2>/dev/null; do wait "$1"; done
            wait "$1"
        }

        # Every process that was started here has ended, or has had its time.
        await_all() {
            local deadline=$((SECONDS + FAREWELL_SECONDS))
            while [[ -n $(jobs -rp) ]] && ((SECONDS < deadline)); do sleep 0.5; done
        }

        # Sends everybody home. Slurm's own TERM has gone to all roles already, and may have been faster.
        leave() {
            [[ -z $reason ]] || return 0
            reason=$1
            say "$reason: the cluster leaves in good order"
            local endpoint
            endpoint=$(cat "$ENDPOINT" 2>/dev/null) || return 0
            rm -f "$ENDPOINT"
            "$PROGRAM" stop --coordinator "$endpoint" --keys "$KEYS" && return
            [[ $reason == "$SCANCELLED" ]] || scancel --signal=TERM "$SLURM_JOB_ID"
        }

        # Makes what has to be there before the first role, and makes sure that no other job is at the run.
        prepare() {
            local other
            [[ -f $RUN/experiment.yaml ]] || { say "$RUN has no experiment.yaml"; return 1; }
            mkdir -p "$RUN/logs" || return
            other=$(cat "$RUN/slurm.job" 2>/dev/null)
            if [[ -n $other && $other != "$SLURM_JOB_ID" ]]; then
                [[ -z $(squeue --noheader --jobs="$other" --states=R,CG,S 2>/dev/null) ]] || {
                    say "job $other is at work on $RUN"
                    return 1
                }
            fi
            echo "$SLURM_JOB_ID" >"$RUN/slurm.job"
            rm -f "$ENDPOINT" "$RUN/coordinator.endpoint"
            [[ -d $KEYS ]] || "$PROGRAM" keys generate "$KEYS" >/dev/null
        }

        # Waits until the coordinator has written where it listens, and writes down where the other nodes reach it.
        announce() {
            local deadline=$((SECONDS + START_SECONDS))
            until [[ -s $RUN/coordinator.endpoint ]]; do
                kill -0 "$coordinator" 2>/dev/null && ((SECONDS < deadline)) || return
                sleep 0.2
            done
            [[ -z $reason ]] || return
            local bound
            bound=$(<"$RUN/coordinator.endpoint")
            echo "tcp://$(address_of "$HEAD"):${bound##*:}" >"$ENDPOINT.new" && mv "$ENDPOINT.new" "$ENDPOINT"
        }

        # Gives every node its share of the workers, in turn.
        start_workers() {
            local workers=() all=() share i number
            for ((i = 0; i < LEARNERS; i++)); do workers+=("learner-$i"); done
            for ((i = 0; i < ACTOR_PROCESSES; i++)); do workers+=("actor-$i"); done
            for ((i = 0; i < DISTILLERS; i++)); do workers+=("distiller-$i"); done
            for ((i = 0; i < EVALUATORS; i++)); do workers+=("evaluator-$i"); done
            mapfile -t all < <(nodes)
            ((${#all[@]} == 1)) || work "${all[-1]}" guard &
            for number in "${!all[@]}"; do
                share=()
                # The first recorder is on the first node already.
                for ((i = number ? number : ${#all[@]}; i < RECORDERS; i += ${#all[@]})); do share+=("recorder-$i"); done
                for ((i = number; i < ${#workers[@]}; i += ${#all[@]})); do share+=("${workers[i]}"); done
                ((${#share[@]} == 0)) || work "${all[number]}" "${share[@]}" &
            done
        }

        readonly NEAR_LIMIT="the time limit is near" SCANCELLED="Slurm ends the job"
        reason=''
        export HEAD=${SLURMD_NODENAME:-$(hostname -s)}
        # Steps choose their own sizes.
        unset SLURM_NTASKS SLURM_NPROCS SLURM_NTASKS_PER_NODE SLURM_CPUS_PER_TASK
        prepare || exit
        trap 'leave "$NEAR_LIMIT"' USR2
        trap 'leave "$SCANCELLED"' TERM

        say "job $SLURM_JOB_ID, start $((${SLURM_RESTART_COUNT:-0} + 1)): $RUN on $(nodes | paste -sd ' ')"
        lead &
        coordinator=$!
        announce
        if [[ -e $ENDPOINT ]]; then
            work "$HEAD" recorder-0 &
            start_workers
        fi
        await "$coordinator"
        code=$?
        rm -f "$ENDPOINT"
        await_all

        if [[ $reason == "$NEAR_LIMIT" ]]; then
            # A run that was done all the same finds that out at once.
            say "the job goes into the queue again"
            if scontrol requeue "$SLURM_JOB_ID"; then
                # Slurm ends this script, whatever it still does.
                exit 0
            fi
            say "it cannot be requeued; sbatch the same script again: it goes on with $RUN"
            exit 1
        fi
        [[ -z $reason ]] || exit 143
        if ((code)); then
            say "the run has failed (exit code $code); the end of logs/coordinator-0.log:"
            tail -n 8 "$RUN/logs/coordinator-0.log" >&2
            exit $code
        fi
        "$PROGRAM" report "$RUN"

        """#

    /// Of workers that join one: join.sbatch.
    static let joinBody = #"""
        # ---- The script: the same for every run.
        #
        # It runs one worker, and lasts as long as the run's own job is in the queue and the worker is needed. When that job
        # waits to be started again, so does this one; after USR2, that is near its own time limit, it goes into the queue
        # again itself.
        set -uo pipefail
        readonly ENDPOINT=$RUN/cluster.endpoint
        readonly LOOK_SECONDS=5 HEALTHY_SECONDS=30 FAILURES_IN_A_ROW=5

        say() { printf '%(%F %T)T %s\n' -1 "$*" >&2; }

        # Whether the run's own job runs, or waits to.
        run_lasts() {
            local job
            job=$(cat "$RUN/slurm.job" 2>/dev/null) && [[ -n $(squeue --noheader --jobs="$job" 2>/dev/null) ]]
        }

        # The worker alone is told: Slurm sends USR2 to this script only, but TERM to every process of the job.
        worker=''
        leaving=''
        near_limit() {
            leaving="the time limit is near"
            [[ -z $worker ]] || kill -TERM "$worker" 2>/dev/null
        }
        trap near_limit USR2
        trap 'leaving="Slurm ends the job"' TERM

        # The exit code of a child; signals to this script only interrupt the wait.
        await() {
            wait "$1"
            while kill -0 "$1" 2>/dev/null; do wait "$1"; done
            wait "$1"
        }

        # One life of the worker, at the coordinator that is there now.
        work() {
            local endpoint began=$SECONDS
            endpoint=$(cat "$ENDPOINT" 2>/dev/null) || return
            say "$ROLE joins $endpoint"
            "$PROGRAM" "$ROLE" --coordinator "$endpoint" --keys "$KEYS" &
            worker=$!
            # The signal may have come before there was anybody to tell.
            [[ $leaving != *limit* ]] || kill -TERM "$worker" 2>/dev/null
            await "$worker"
            code=$?
            worker=''
            ((SECONDS - began < HEALTHY_SECONDS)) || failures=0
            # It was sent home by the coordinator that is at work still: it is not needed any more.
            [[ $code -ne 0 || -n $leaving || $(cat "$ENDPOINT" 2>/dev/null) != "$endpoint" ]] || exit 0
            ((code == 0)) || ((++failures))
        }

        run_lasts || {
            say "no job of run.sbatch is at work on $RUN"
            exit 1
        }
        failures=0
        code=0
        while [[ -z $leaving ]] && run_lasts; do
            [[ ! -s $ENDPOINT ]] || work
            ((failures < FAILURES_IN_A_ROW)) || {
                say "$ROLE has failed $failures times in a row"
                exit "$code"
            }
            [[ -n $leaving ]] || sleep "$LOOK_SECONDS" &
            wait $!
        done
        [[ $leaving == *limit* ]] || exit 0
        if run_lasts; then
            say "the job goes into the queue again"
            id=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
            scontrol requeue "${id:-$SLURM_JOB_ID}"
        fi

        """#
}
