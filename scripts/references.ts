import { grpcHealth, reflection } from '../src/api/grpc/index.ts'
import { GrpcMessages, openInferenceMethods, openInferenceRoutes } from '../src/dialects/open-inference/index.ts'
import { scoringRoutes } from '../src/dialects/scoring/index.ts'
import { modelOperations } from '../src/api/index.ts'
import { configReference } from '../src/app/config/show-config.ts'
import { probeRoutes } from '../src/app/probes.ts'
import { commandHelp } from '../src/cli/help.ts'
import { commandList } from '../src/cli/command-list.ts'
import { metricTable } from '../src/monitoring/index.ts'
import { configFieldRows } from '../src/serving/index.ts'
import { specFieldRows } from '../src/packaging/index.ts'
import { errorTable, operationRoute, statusTable } from '../src/protocol/index.ts'
import type { GrpcMethod, Route } from '../src/protocol/index.ts'

const escapeCell = (text: string): string => text.replace(/\|/g, '\\|').replace(/</g, '&lt;')

const tableOf = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [
    `| ${head.join(' | ')} |`,
    `| ${head.map(() => '---').join(' | ')} |`,
    ...rows.map((row) => `| ${row.map(escapeCell).join(' | ')} |`),
  ].join('\n')

const errors = (): string => {
  const rows = Object.entries(errorTable).map(([code, row]) => {
    const { http, grpc } = statusTable[row.status]
    return [`\`${code}\``, String(http), String(grpc), row.category, row.text, row.hint]
  })
  return `# Errors\n\nEvery refusal carries one of these codes in the header \`slipway-error\` (gRPC: metadata of the same name), and a sentence in the shape of the protocol. Category says who has to act; it is a label of \`slipway_errors_total\`.\n\n${tableOf(['code', 'HTTP', 'gRPC', 'category', 'sentence', 'what to do'], rows)}\n`
}

const metrics = (): string => {
  const rows = Object.entries(metricTable).map(([name, row]) => [
    `\`${name}\``,
    row.kind,
    row.labels.join(', '),
    row.help,
  ])
  return `# Metrics\n\n\`GET /metrics\` answers in the Prometheus text format, or in OpenMetrics when the scraper accepts it.\n\n${tableOf(['metric', 'kind', 'labels', 'meaning'], rows)}\n`
}

/** The tables only need the shape of what handlers use, so nothing is opened to list them. */
const nothing = new Proxy({}, { get: () => undefined }) as never

const paths = (): string => {
  const routes: Route[] = [
    ...openInferenceRoutes(nothing),
    ...scoringRoutes(nothing),
    ...modelOperations(nothing).map(operationRoute),
    ...probeRoutes(() => true),
    { method: 'GET', path: '/metrics', needs: 'metrics.read', doc: 'Metrics.', handle: () => ({ status: 200 }) },
  ]
  const methods: GrpcMethod[] = [
    ...openInferenceMethods({ messages: new GrpcMessages('proto') } as never),
    ...grpcHealth(nothing),
    ...reflection(() => ({})),
  ]
  const http = routes.map((route) => [`\`${route.method} ${route.path}\``, `\`${route.needs}\``, route.doc])
  const grpc = methods.map((method) => [
    `\`${method.service}/${method.method}\``,
    `\`${method.needs}\``,
    method.kind === 'stream' ? 'stream of messages' : 'one message',
  ])
  return `# Paths\n\nEvery path with the permission it needs.\n\n## HTTP\n\n${tableOf(['path', 'permission', 'what it does'], http)}\n\n## gRPC\n\n${tableOf(['method', 'permission', 'takes'], grpc)}\n`
}

const commandLine = async (): Promise<string> => {
  const sections = await Promise.all(
    commandList.map(
      async (listed) =>
        `## slipway ${listed.name}\n\n\`\`\`text\n${commandHelp(listed, await listed.load()).trim()}\n\`\`\`\n`,
    ),
  )
  return `# Command line\n\nClient commands exit with 0 when done, 1 when refused (the reason is on standard error) and 2 on wrong usage.\n\n${sections.join('\n')}`
}

const modelConfiguration = (): string => {
  const rows = configFieldRows().map(({ path, use, text }) => [
    `\`${path}\``,
    use,
    use === 'honoured' ? text : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`,
  ])
  return `# Model configuration\n\nEvery field of \`config.pbtxt\`, Triton's ModelConfig. An *honoured* field acts. A *kept* one has no effect, for the reason given: \`/v2/models/NAME/config\` and ModelConfig show it as it was written, and the log has a warning. A *refused* one fails the load, unless it has its default: answers would mean something else. A field that is not in this list is taken for a slip of the pen and fails the load too.\n\n${tableOf(['field', 'use', 'what it does, or why nothing'], rows)}\n`
}

const packageFile = (): string => {
  const rows = specFieldRows().map((row) => [
    `\`${row.path}\``,
    row.type,
    row.required ? 'yes' : '',
    row.default,
    row.doc,
  ])
  return `# model.yaml\n\nEvery field of the file that \`slipway package\` makes a package from. A name that is not in this list is refused.\n\n${tableOf(['field', 'value', 'required', 'when left out', 'meaning'], rows)}\n`
}

/** The generated pages of docs/reference by file name. */
export const references = async (): Promise<Readonly<Record<string, string>>> => ({
  'command-line.md': await commandLine(),
  'configuration.md': configReference(),
  'errors.md': errors(),
  'metrics.md': metrics(),
  'model-configuration.md': modelConfiguration(),
  'model-yaml.md': packageFile(),
  'paths.md': paths(),
})
