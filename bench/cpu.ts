import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** How the kernel counts CPU time: 10 ms a tick nearly everywhere. */
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** User and system time of all threads of a process, in milliseconds. */
export function cpuMilliseconds(pid: number): number {
  const fields = statOf(pid)
  // Counted from `state`, the first after the name: utime and stime (proc_pid_stat(5)).
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND
}

/** Children of this process that run `workerd`. */
export function runtimeProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return Number(statOf(pid)[1]) === process.pid && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'workerd'
      } catch {
        // It has ended meanwhile.
        return false
      }
    })
}

/** What follows the name: it is in brackets, and may hold anything. */
function statOf(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}
