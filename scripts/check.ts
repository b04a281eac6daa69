import { spawnSync } from 'node:child_process'

/** Every check that a machine makes of the code, in the order of how fast each is. All run, so that one call tells everything. */
const checks: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['format', 'oxfmt', '--check'],
  ['lint', 'oxlint', '--type-aware'],
  ['types', 'tsc', '-p', 'tsconfig.json'],
  ['unused', 'knip', '--no-progress'],
]

let failed = 0
for (const [name, command, ...args] of checks) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' })
  console.log(`check ${name}: ${status === 0 ? 'passed' : 'FAILED'}`)
  if (status !== 0) failed += 1
}
console.log(`${checks.length - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
