#!/usr/bin/env node
// Starts the command line: from dist when installed as a package, from src in a checkout. Plain JavaScript, so that an
// old Node gets a clear answer, or in a checkout the project's own Node.
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const source = join(root, 'src', 'cli', 'main.ts')
const inCheckout = existsSync(source)
const isModern = Number(process.versions.node.split('.')[0]) >= 24

if (!inCheckout && !isModern) {
  process.stderr.write(`slipway needs Node 24 or newer; this is ${process.version}\n`)
  process.exit(1)
}

if (inCheckout) {
  const { ensureInstalled, projectEnvironment, projectNode } = await import('../scripts/ensure-installed.mjs')
  ensureInstalled()
  if (!isModern) {
    const { spawn } = await import('node:child_process')
    const child = spawn(projectNode, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
      stdio: 'inherit',
      env: projectEnvironment(),
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
    child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)))
  }
}

if (isModern) {
  if (inCheckout) nodeModule.enableCompileCache(join(root, 'node_modules', '.cache', 'compile'))
  else nodeModule.enableCompileCache()
  const { main } = await import(pathToFileURL(inCheckout ? source : join(root, 'dist', 'cli', 'main.js')).href)
  await main()
}
