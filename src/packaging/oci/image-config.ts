import type { ModelSpec } from '../model-spec.ts'
import type { WrittenPackage } from '../write-package.ts'
import { imagePython } from './python-layers.ts'
import { imageNode } from './runtime-files.ts'

export interface ImageFacts {
  readonly spec: ModelSpec
  readonly written: WrittenPackage
  readonly serverVersion: string
  readonly layers: readonly { readonly diffId: string; readonly title: string }[]
}

/** The user that containers run as; no account of any machine has this number. */
export const imageUser = 65532

/** Node's names of processors in the words of the OCI. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

export const imageArchitecture = (): string => architectures[process.arch] ?? process.arch

/** No moment: images of the same files are the same. */
const created = '1970-01-01T00:00:00Z'

const start = [`/${imageNode}`, '/opt/slipway/start.mjs', 'up', '--package', '/package', '--data-dir', '/data']

/** How a container runs: the server with the package, at the ports and for the callers that its network lets in. */
export const imageConfig = ({ spec, written, serverVersion, layers }: ImageFacts): object => ({
  created,
  architecture: imageArchitecture(),
  os: 'linux',
  config: {
    User: `${imageUser}:${imageUser}`,
    ExposedPorts: { '8080/tcp': {}, '8081/tcp': {} },
    Env: ['PATH=/usr/local/bin', 'HOME=/data'],
    Entrypoint: [...start, ...(written.needsPython ? ['--python', imagePython] : [])],
    Cmd: ['--host', '0.0.0.0', '--http.allow-unauthenticated', '--mlflow-port', 'off'],
    WorkingDir: '/data',
    Volumes: { '/data': {} },
    StopSignal: 'SIGTERM',
    Labels: labels(spec, written, serverVersion),
  },
  rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  history: layers.map(({ title }) => ({ created, comment: title })),
})

const labels = (
  spec: ModelSpec,
  { manifest, digest }: WrittenPackage,
  serverVersion: string,
): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(spec.metadata ?? {}).map(([name, value]) => [`slipway.metadata.${name}`, value]),
  ),
  'org.opencontainers.image.title': manifest.name,
  'org.opencontainers.image.version': String(manifest.version),
  'slipway.package': digest,
  'slipway.version': serverVersion,
})
