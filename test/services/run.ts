import { spawnSync } from 'node:child_process'
import { postgresService } from './postgres-service.ts'
import { s3Service } from './s3-service.ts'
import type { Service } from './service.ts'

/** Starts the real programs, runs the suites that need them, and stops them. */

const services: readonly Service[] = [postgresService, s3Service]

const run = async (): Promise<number> => {
  const started: { stop(): Promise<void> }[] = []
  try {
    let env = { ...process.env }
    for (const service of services) {
      const running = await service.start()
      started.push(running)
      env = { ...env, ...running.env }
      console.log(`${service.name} runs`)
    }
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'services', ...process.argv.slice(2)]
    return spawnSync(process.execPath, args, { stdio: 'inherit', env }).status ?? 1
  } finally {
    for (const { stop } of started.reverse()) await stop()
  }
}

process.exitCode = await run()
