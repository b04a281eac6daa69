import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { listSupportedBackends } from 'onnxruntime-node'
import { runtimeLibraries } from './runtime-folder.ts'

/** Libraries of the providers that the runtime only loads when asked to run on them. */
const providerLibraries: Readonly<Record<string, string>> = {
  cuda: 'libonnxruntime_providers_cuda.so',
  tensorrt: 'libonnxruntime_providers_tensorrt.so',
}

/** Execution providers that can really be used: the runtime lists CUDA even where its library isn't installed. */
export const availableProviders = (): string[] => {
  const libraries = runtimeLibraries()
  return listSupportedBackends()
    .map((backend) => backend.name)
    .filter((name) => {
      const library = providerLibraries[name]
      return library === undefined || existsSync(join(libraries, library))
    })
}
