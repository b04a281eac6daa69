import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { listSupportedBackends } from 'onnxruntime-node'

/** Libraries of the providers that the runtime only loads when asked to run on them. */
const providerLibraries: Readonly<Record<string, string>> = {
  cuda: 'libonnxruntime_providers_cuda.so',
  tensorrt: 'libonnxruntime_providers_tensorrt.so',
}

/** Execution providers that can really be used: the runtime lists CUDA even where its library isn't installed. */
export const availableProviders = (): string[] => {
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'))
  const libraries = join(root, 'bin', 'napi-v6', process.platform, process.arch)
  return listSupportedBackends()
    .map((backend) => backend.name)
    .filter((name) => {
      const library = providerLibraries[name]
      return library === undefined || existsSync(join(libraries, library))
    })
}
