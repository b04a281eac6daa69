import { Socket } from 'node:net'
import { writeFileSync } from 'node:fs'
import { reasonOf, systemClock } from '../lib/index.ts'
import type { Timer } from '../lib/index.ts'
import type { HostFailure, LoadedModel, LoadOrder, LoadReport } from './engine.ts'
import { EngineError } from './engine.ts'
import { openEngine } from './engines/open-engine.ts'
import type { Frame } from './frame.ts'
import { frameKinds, jsonFrame, readJsonPayload, readTensorPayload, tensorFrame } from './frame.ts'
import { FrameSplitter } from './frame-splitter.ts'

/**
 * A model host: one process, one model. It speaks frames on file descriptor 3, which its parent opened, and ends
 * when that closes. It trusts its parent and nothing else; the parent trusts nothing in here.
 */

/** Text beyond this is cut in a failure's reason: it ends up in replies and logs. */
const reasonCharactersMax = 2000

const link = new Socket({ fd: 3, readable: true, writable: true })
let model: LoadedModel | undefined

const failure = (error: unknown): HostFailure => {
  const reason = reasonOf(error)
  return { fault: error instanceof EngineError ? error.fault : 'model', reason: reason.slice(0, reasonCharactersMax) }
}

const load = async (frame: Frame): Promise<void> => {
  const order = readJsonPayload(frame.payload) as LoadOrder
  const engine = await openEngine(order.engine)
  model = await engine.load(order)
  const report: LoadReport = {
    signature: model.signature,
    ...(model.batched === undefined ? {} : { batched: model.batched }),
    metadata: model.metadata,
    memoryBytes: process.memoryUsage.rss(),
    runtime: model.runtime,
    ...(model.graph === undefined ? {} : { graph: model.graph }),
  }
  link.write(jsonFrame(frameKinds.loaded, frame.id, report))
}

/** Bytes of a run, in and out, whose garbage is worth collecting. */
const largeBytes = 16 * 1024 ** 2
const collectAfterMs = 1000
let collecting: Timer | undefined

/**
 * Gives the memory of large runs back once there were none for a second. Why: an idle process never comes to collect its
 * garbage, and tensors lie outside the heap that it would look at.
 */
const collectLater = (): void => {
  collecting?.cancel()
  collecting = systemClock.setTimer(() => globalThis.gc?.(), collectAfterMs)
}

const run = async (frame: Frame): Promise<void> => {
  if (model === undefined) throw new EngineError('model', 'no model is loaded')
  const { wanted, tensors } = readTensorPayload(frame.payload)
  const startedAt = performance.now()
  const outputs = await model.run(tensors, wanted)
  const computeMs = performance.now() - startedAt
  link.cork()
  for (const piece of tensorFrame(frameKinds.result, frame.id, {
    number: computeMs,
    wanted: [],
    tensors: outputs.map((tensor) => ({ ...tensor, pieces: [tensor.data] })),
  })) {
    link.write(piece)
  }
  link.uncork()
  const bytes = outputs.reduce((sum, { data }) => sum + data.length, frame.payload.length)
  // Why as a write: until what is before it has left, the tensors are no garbage.
  if (bytes >= largeBytes) link.write('', collectLater)
}

const answer = (frame: Frame): void => {
  const work = frame.kind === frameKinds.load ? load(frame) : run(frame)
  work.catch((error: unknown) => link.write(jsonFrame(frameKinds.failed, frame.id, failure(error))))
}

/** The kernel should sacrifice a model before the server when memory runs out; only Linux has the knob. */
const volunteerForOutOfMemory = (): void => {
  if (process.platform !== 'linux') return
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000')
  } catch {
    // Why: a hardened container may forbid it, and the host works without.
  }
}

volunteerForOutOfMemory()
const frames = new FrameSplitter()
link.on('data', (chunk: Uint8Array) => frames.push(chunk, answer))
link.on('close', () => process.exit(0))
link.on('error', () => process.exit(0))
// Why: a terminal sends Ctrl-C to the whole group; the server drains first and then closes the link.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
link.write(jsonFrame(frameKinds.hello, 0, { pid: process.pid }))
