// `node scripts/run.mjs COMMAND [ARG …]`: installs what is missing, then runs the command with the project's own Node.
import { spawn } from 'node:child_process'
import { ensureInstalled, projectEnvironment, projectNode } from './ensure-installed.mjs'

ensureInstalled()
const [command = 'node', ...args] = process.argv.slice(2)
const child = spawn(command === 'node' ? projectNode : command, args, {
  stdio: 'inherit',
  env: projectEnvironment(),
  shell: process.platform === 'win32',
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  process.stderr.write(`${command} could not be started: ${error.message}\n`)
  process.exit(1)
})
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)))
