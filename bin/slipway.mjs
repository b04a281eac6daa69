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

/**
 * A server's heaps in bounds that suit it: the garbage of requests dies young in 8 MB as well as in 32, and heaps grow by
 * half of what lives in them, not fourfold. And it may collect garbage when it is idle.
 */
const heapFlags = ['--max-semi-space-size=8', '--heap-growing-percent=50', '--expose-gc']

const isServer = process.argv[2] === 'up'
const isTuned = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((flag) => flag.includes('semi-space-size'))
// Node takes these flags only at its start, so a server starts itself again, as the same process. Windows has no exec.
if (isModern && isServer && !isTuned && process.platform !== 'win32' && typeof process.execve === 'function') {
  const args = [...process.execArgv, ...heapFlags, fileURLToPath(import.meta.url), ...process.argv.slice(2)]
  process.execve(process.execPath, [process.argv0, ...args])
}

if (isModern) {
  if (inCheckout) nodeModule.enableCompileCache(join(root, 'node_modules', '.cache', 'compile'))
  else nodeModule.enableCompileCache()
  // Why: threads take it from their environment alone, and without it compile, and in a checkout strip, every module anew.
  const cache = nodeModule.getCompileCacheDir()
  if (cache !== undefined) process.env.NODE_COMPILE_CACHE ??= dirname(cache)
  const { main } = await import(pathToFileURL(inCheckout ? source : join(root, 'dist', 'cli', 'main.js')).href)
  await main()
}
