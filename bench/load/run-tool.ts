import { spawn } from 'node:child_process'

/** Runs a program to its end and gives its stdout; throws with its stderr when it exits with anything but 0. */
export const runTool = (
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(stdout)
      else reject(new Error(`${command} exited with ${code}: ${stderr.trim().slice(-2000)}`))
    })
  })
