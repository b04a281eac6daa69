import { spawn } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runTool } from '../load/run-tool.ts'
import { processMemory } from '../process-memory.ts'
import type { Scenario } from '../scenario.ts'
import type { Figure } from '../summary.ts'
import { median, numberText, roundsText } from '../summary.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { startRegistry } from './start-registry.ts'

const pieceBytes = 64 * 1024 * 1024
const plainCopy = fileURLToPath(new URL('plain-copy.ts', import.meta.url))

/** Random bytes, so that nothing can be saved on them; other ones each time, since equal bytes are stored once. */
const writeRandom = async (path: string, bytes: number): Promise<void> => {
  const file = await open(path, 'w')
  const piece = Buffer.alloc(pieceBytes)
  for (let at = 0; at < bytes; at += pieceBytes) await file.write(randomFillSync(piece))
  // Why: else the disk writes it while the copies are measured.
  await file.sync()
  await file.close()
}

const seconds = async (args: readonly string[]): Promise<number> => {
  const text = await runTool('curl', ['-s', '-f', '-o', '/dev/null', '-w', '%{time_total}', ...args])
  return Number(text)
}

export const artifact: Scenario = {
  name: 'artifact',
  doc: 'An artifact of 1 GiB up and down by curl, beside a bare HTTP server that copies to and from a file',
  async run({ quick, log }) {
    const bytes = (quick ? 1 : 16) * pieceBytes
    await using folder = await temporaryFolder()
    await using server = await startRegistry()
    const copy = spawn(process.execPath, [plainCopy, join(folder.path, 'copy')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const took = { up: [] as number[], down: [] as number[], plainUp: [] as number[], plainDown: [] as number[] }
    const memory: number[] = []
    try {
      const [port] = (await once(copy.stdout, 'data')) as [Buffer]
      const plain = `http://127.0.0.1:${port.toString().trim()}/`
      const source = join(folder.path, 'source')
      for (let round = 1; round <= (quick ? 1 : 5); round++) {
        await writeRandom(source, bytes)
        const ours = `${server.http}/api/2.0/mlflow-artifacts/artifacts/0/bench/${round}`
        const turns = [
          async () => {
            took.plainUp.push(await seconds(['-T', source, plain]))
            took.plainDown.push(await seconds([plain]))
          },
          async () => {
            took.up.push(await seconds(['-T', source, ours]))
            took.down.push(await seconds([ours]))
          },
        ]
        // Each goes first in every other round, so that neither always finds the caches warm.
        for (const turn of round % 2 === 0 ? turns.toReversed() : turns) await turn()
        memory.push((await processMemory(server.pid)).pssMb)
        log(
          `round ${round}: up ${numberText(took.up.at(-1) ?? 0)} s, plain ${numberText(took.plainUp.at(-1) ?? 0)} s; down ${numberText(took.down.at(-1) ?? 0)} s, plain ${numberText(took.plainDown.at(-1) ?? 0)} s`,
        )
      }
    } finally {
      copy.kill()
    }
    const share = (id: string, text: string, ours: number[], plain: number[]): Figure => ({
      id,
      text,
      unit: '%',
      value: (100 * median(plain)) / median(ours),
      note: `s: Slipway ${roundsText(ours)}; plain ${roundsText(plain)}`,
    })
    return [
      share('artifact.up', 'upload, speed as a share of the plain copy', took.up, took.plainUp),
      share('artifact.down', 'download, speed as a share of the plain copy', took.down, took.plainDown),
      {
        id: 'artifact.memory',
        text: 'memory of all processes, PSS, the largest',
        unit: 'MB',
        value: Math.max(...memory),
        note: roundsText(memory),
      },
    ]
  },
}
