import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Folder of the package that holds ONNX Runtime. */
export const runtimePackage = (): string =>
  dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'))

/** Folder of the runtime's libraries for this machine. */
export const runtimeLibraries = (): string => join(runtimePackage(), 'bin', 'napi-v6', process.platform, process.arch)
