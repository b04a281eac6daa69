import { siblingModule } from '../lib/index.ts'

export type { EngineName, HostFailure, LoadOrder, LoadReport } from './engine.ts'
export type { Frame, FrameKind, ScatteredTensor, TensorPayload } from './frame.ts'
export { frameKinds, jsonFrame, readJsonPayload, readTensorPayload, tensorFrame } from './frame.ts'
export { FrameSplitter } from './frame-splitter.ts'
/** The program of a host process. */
export const hostEntry: URL = siblingModule(import.meta.url, './main')
