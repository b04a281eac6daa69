import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SlipwayClient } from '../../src/client/index.ts'
import { startTestApp, type TestApp } from '../../src/testing/index.ts'
import { runSlipway } from './run-slipway.ts'
import type { Ran } from './run-slipway.ts'

let app: TestApp
let runId: string

const slipway = (...args: readonly string[]): Promise<Ran> => runSlipway(app, args)

beforeAll(async () => {
  app = await startTestApp()
  const client = new SlipwayClient({ url: app.addresses.http })
  const { experimentId } = await client.experiments.create({ name: 'fraud', tags: [{ key: 'team', value: 'risk' }] })
  for (const [name, auc] of [
    ['small', 0.7],
    ['large', 0.9],
  ] as const) {
    ;({ runId } = await client.runs.create({ experimentId, name, startTime: 1_790_000_000_000 }))
    const metrics = [0, 1, 2].map((step) => ({ key: 'auc', value: auc - 0.2 + step / 10, timestamp: 1, step }))
    await client.runs.log({ runId, metrics, params: [{ key: 'depth', value: '3' }] })
  }
  await client.uploadArtifact(runId, 'model/MLmodel', 'flavors: {}')
})
afterAll(() => app.stop())

describe('slipway experiments and runs', () => {
  it('lists, finds by name and id, and shows as JSON', async () => {
    const { out } = await slipway('experiments')
    expect(out).toMatch(/id +name +created +tags\n +1 +fraud .* team=risk\n/)
    const shown = JSON.parse((await slipway('experiments', 'show', 'fraud', '--json')).out) as { experimentId: string }
    expect(shown.experimentId).toBe('1')
    expect((await slipway('experiments', 'show', '1')).out).toContain('fraud  (1, active)')
    expect(await slipway('experiments', 'show', 'nobody')).toMatchObject({
      code: 1,
      err: "slipway experiments: there is no experiment 'nobody'; slipway experiments ls lists them\n",
    })
  })

  it('creates, renames, deletes and restores', async () => {
    expect((await slipway('experiments', 'create', 'churn')).out).toBe('experiment 2 is created\n')
    expect((await slipway('experiments', 'rename', 'churn', 'leave')).out).toBe('experiment 2 is now leave\n')
    expect((await slipway('experiments', 'rm', 'leave')).code).toBe(0)
    expect((await slipway('experiments', 'ls')).out).not.toContain('leave')
    expect((await slipway('experiments', 'restore', 'leave')).code).toBe(0)
    expect((await slipway('experiments', 'ls')).out).toContain('leave')
  })

  it('puts the newest metrics beside the runs, in the order that was asked for', async () => {
    const { out } = await slipway('runs', 'ls', 'fraud', '--order-by', 'metrics.auc DESC')
    const [head, first, second] = out.split('\n')
    expect(head).toMatch(/^run +name +status +started +auc +tags$/)
    expect(first).toMatch(/large +running +2026-09-21 \d\d:\d\d +0\.9/)
    expect(second).toContain('small')
    const filter = 'metrics.auc > 0.8 OR NOT params.depth = "3"'
    const found = JSON.parse((await slipway('runs', 'ls', 'fraud', '--filter', filter, '--json')).out) as unknown[]
    expect(found).toHaveLength(1)
    expect((await slipway('runs', 'ls', 'fraud', '--limit', '1')).out.trim().split('\n')).toHaveLength(2)
  })

  it('lists what is deleted, and tags', async () => {
    const client = new SlipwayClient({ url: app.addresses.http })
    await slipway('experiments', 'create', 'left')
    const { experimentId } = JSON.parse((await slipway('experiments', 'show', 'left', '--json')).out) as {
      experimentId: string
    }
    const { runId: gone } = await client.runs.create({ experimentId, name: 'gone' })
    expect((await slipway('runs', 'tag', gone, 'keep', 'no')).out).toBe(`run ${gone} has keep=no\n`)
    expect((await slipway('runs', 'rename', gone, 'gone-2')).out).toBe(`run ${gone} is now gone-2\n`)
    expect((await slipway('experiments', 'tag', 'left', 'team', 'risk')).code).toBe(0)
    expect((await slipway('runs', 'ls', 'left', '--deleted')).out.split('\n')).toHaveLength(2)
    await slipway('runs', 'rm', gone)
    expect((await slipway('runs', 'ls', 'left')).out).not.toContain(gone)
    expect((await slipway('runs', 'ls', 'left', '--deleted')).out).toMatch(new RegExp(`${gone} +gone-2 .* keep=no\n`))
    await slipway('runs', 'untag', gone, 'keep')
    await slipway('experiments', 'rm', 'left')
    expect((await slipway('experiments', 'ls')).out).not.toContain('left')
    expect((await slipway('experiments', 'ls', '--deleted')).out).toMatch(/left .* team=risk\n/)
    await slipway('experiments', 'restore', 'left')
    expect((await slipway('experiments', 'untag', 'left', 'team')).code).toBe(0)
    expect((await slipway('experiments', 'show', 'left')).out).not.toContain('team')
  })

  it('says that a run has no times rather than to leave them empty', async () => {
    const body = { experiment_id: '0', run_name: 'timeless' }
    const answer = await app.post('/api/2.0/mlflow/runs/create', body)
    const { run } = (await answer.json()) as { run: { info: { run_id: string } } }
    expect((await slipway('runs', 'show', run.info.run_id)).out).toContain('experiment 0, start not told, not ended\n')
  })

  it('steers no terminal by what others wrote, and cuts long names in tables alone', async () => {
    const name = `\u001b]0;x\u0007${'n'.repeat(450)}\u202eb\nc`
    const client = new SlipwayClient({ url: app.addresses.http })
    const { experimentId } = await client.experiments.create({ name: 'names' })
    const { runId: named } = await client.runs.create({ experimentId, name })
    const listed = await slipway('runs', 'ls', 'names')
    expect(listed.out.split('\n')).toHaveLength(3)
    expect(Math.max(...listed.out.split('\n').map((line) => line.length))).toBeLessThan(200)
    expect(listed.out).toMatch(/\\u001b\]0;x\\u0007n+… /)
    const shown = await slipway('runs', 'show', named)
    expect(shown.out).toMatch(/^\\u001b\]0;x\\u0007n{450}\\u202eb\\nc {2}\(/)
    const json = await slipway('runs', 'show', named, '--json')
    expect(json.out).not.toMatch(/\p{Bidi_Control}/u)
    expect(JSON.parse(json.out)).toHaveProperty('name', name)
    const missing = await slipway('runs', 'show', 'x\u001b[2J')
    expect(missing.code).toBe(1)
    expect(missing.err).toContain('x\\u001b[2J')
  })

  it('collects no garbage where a name is mistyped', async () => {
    const client = new SlipwayClient({ url: app.addresses.http })
    const { runId: gone } = await client.runs.create({ experimentId: '0', name: 'gone' })
    await client.runs.delete({ runId: gone })
    expect(await slipway('gc', '--delete', '--runs', `${gone},nope`)).toEqual({
      code: 1,
      out: '',
      err: "slipway gc: there is no run 'nope'; nothing is removed\n",
    })
    expect((await client.runs.get({ runId: gone })).lifecycleStage).toBe('deleted')
    expect((await slipway('gc', '--experiments', '77', '--logged-models', 'm-1')).err).toContain(
      "there is no logged model 'm-1', no experiment '77'",
    )
    expect((await slipway('gc', '--delete', '--runs', gone)).out).toMatch(/1 item gone/)
  })

  it('draws the history of a metric, and lists artifacts', async () => {
    expect((await slipway('runs', 'history', runId, 'auc')).out).toMatch(/^auc {2}▁[▄▅]█\nstep +value +time\n/)
    expect(await slipway('runs', 'history', runId, 'aucc')).toEqual({
      code: 1,
      out: '',
      err: `slipway runs: run ${runId} has no metric 'aucc'; it has auc; did you mean 'auc'?\n`,
    })
    expect((await slipway('runs', 'artifacts', runId)).out).toContain('model/')
    expect((await slipway('runs', 'artifacts', runId, 'nope')).err).toContain("has no folder 'nope' of artifacts")
    expect((await slipway('runs', 'artifacts', runId, 'model')).out).toMatch(/model\/MLmodel +11 B/)
    expect((await slipway('runs', 'show', runId)).out).toContain('auc: 0.9 at step 2')
  })

  it.each([
    [['runs', 'ls'], 2, /EXPERIMENT is missing: ls EXPERIMENT/],
    [['runs', 'sho', 'x'], 2, /'sho' is not one of .*; did you mean 'show'\?/],
    [['runs', 'show', 'x', 'y'], 2, /unexpected 'y'/],
    [['runs', 'ls', 'fraud', '--limit', '0'], 2, /--limit '0' is not a number from 1/],
    [['runs', 'ls', 'fraud', '--filter', 'auc >'], 1, /runs: /],
    [['runs', 'show', 'f'.repeat(32)], 1, /not found/],
    [['runs', 'show', '..'], 1, /'runId' can't be '\.\.'/],
    [['experiments', 'create', 'fraud'], 1, /already exists/],
    [['runs', 'ls', 'fraud', '--server', 'http://127.0.0.1:64999'], 1, /no server answers at http:\/\/127.0.0.1:64999/],
  ])('says what is wrong: %j', async (args, code, message) => {
    const ran = await slipway(...args)
    expect(ran.code).toBe(code)
    expect(ran.err).toMatch(message)
    expect(ran.out).toBe('')
  })
})

describe('slipway models, of the registry', () => {
  it('registers what a run made, moves aliases and stages, and unregisters', async () => {
    const source = `runs:/${runId}/model`
    expect((await slipway('models', 'register', 'fraud', source)).out).toBe('fraud version 1 is registered\n')
    expect((await slipway('models', 'register', 'fraud', source)).out).toBe('fraud version 2 is registered\n')
    const moved = await slipway('models', 'alias', 'fraud', 'champion', '2', '--reason', 'better')
    expect(moved.out).toBe('models:/fraud@champion is version 2\n')
    expect((await slipway('models', 'stage', 'fraud', '1', 'staging')).out).toBe('fraud version 1 is in Staging\n')
    expect((await slipway('models', 'registered')).out).toMatch(/fraud +2 +@champion→2/)
    expect((await slipway('models', 'versions', 'fraud')).out).toMatch(/2 +@champion[^]*\n +1 +Staging/)
    expect((await slipway('models', 'unalias', 'fraud', 'champion')).code).toBe(0)
    expect((await slipway('models', 'unregister', 'fraud', '1')).out).toBe('fraud version 1 is deleted\n')
    expect((await slipway('models', 'unregister', 'fraud')).out).toBe('fraud is deleted\n')
    expect(JSON.parse((await slipway('models', 'registered', '--json')).out)).toEqual([])
  })

  it('holds a move to its policy, and tells who moved what and why', async () => {
    const source = `runs:/${runId}/model`
    await slipway('models', 'register', 'churn', source)
    const policy = join(app.dataDir, 'policy.yaml')
    writeFileSync(
      policy,
      'aliases:\n  champion:\n    - approval: { count: 1, notAuthor: false }\n    - metric: { key: auc, min: 0.8 }\n',
    )
    expect((await slipway('models', 'policy', 'churn', policy)).out).toBe('the policy of churn is set\n')
    expect(JSON.parse((await slipway('models', 'policy', 'churn')).out)).toHaveProperty('aliases.champion')
    const check = (): Promise<Ran> => slipway('models', 'check', 'churn', '1', 'champion')
    expect((await check()).out).toMatch(/^refused\n {2}no {2}.*\n {2}ok {2}/)
    const refused = await slipway('models', 'alias', 'churn', 'champion', '1')
    expect(refused.code).toBe(1)
    expect(refused.err).toMatch(/approv/)
    expect((await slipway('models', 'approve', 'churn', '1', '--reason', 'looked at it')).code).toBe(0)
    expect((await check()).out).toMatch(/^allowed\n/)
    expect((await slipway('models', 'alias', 'churn', 'champion', '1', '--reason', 'better')).code).toBe(0)
    expect((await slipway('models', 'history', 'churn', 'champion')).out).toMatch(/\(none\) +1 +anonymous +better/)
    expect((await slipway('models', 'verify', 'churn', '1')).out).toBe('churn version 1 is intact: 1 files, 11 bytes\n')
    expect((await slipway('models', 'lineage', 'churn', '1')).out).toContain(`run:${runId}`)
    const { registeredModels, audit } = new SlipwayClient({ url: app.addresses.http })
    const now = await registeredModels.aliasAt({ name: 'churn', alias: 'champion', time: Date.now() + 1000 })
    expect(now).toMatchObject({ version: 1, since: { reason: 'better' } })
    expect(await registeredModels.aliasAt({ name: 'churn', alias: 'champion', time: 1000 })).toEqual({})
    const { items } = await audit.search({ model: 'churn', kind: 'promotion.refused' })
    expect(items).toHaveLength(1)
    await expect(audit.search({ kind: 'promotion.refuse' })).rejects.toThrow("did you mean 'promotion.refused'")
  })

  it('tells who did what, when and why', async () => {
    await slipway('models', 'register', 'told', `runs:/${runId}/model`)
    const before = Date.now()
    await slipway('models', 'alias', 'told', 'champion', '1', '--reason', 'first one')
    await slipway('models', 'stage', 'told', '1', 'production', '--reason', 'ready')
    const audit = await slipway('models', 'audit', 'told')
    expect(audit.out).toMatch(/^time +who +what +of +why +details\n/)
    expect(audit.out).toMatch(/anonymous +model_version_alias.created +model told +first one +.*alias=champion/)
    const kind = 'model_version.stage_changed'
    const staged = JSON.parse((await slipway('models', 'audit', 'told', '--kind', kind, '--json')).out) as object[]
    expect(staged).toEqual([expect.objectContaining({ kind, reason: 'ready', actor: 'anonymous' })])
    expect(JSON.parse((await slipway('models', 'audit', 'told', '--to', '2020-01-01', '--json')).out)).toEqual([])
    expect((await slipway('models', 'audit', '--actor', 'anonymous', '--limit', '1')).out.split('\n')).toHaveLength(3)

    const stages = await slipway('models', 'stages', 'told', '1')
    expect(stages.out).toMatch(/\(none\) +None +anonymous\n/)
    expect(stages.out).toMatch(/None +Production +anonymous +ready\n/)
    expect(JSON.parse((await slipway('models', 'stages', 'told', '1', '--json')).out)).toHaveLength(2)

    const soon = String(Date.now() + 1000)
    const at = await slipway('models', 'alias-at', 'told', 'champion', soon)
    expect(at.out).toMatch(/^models:\/told@champion was version 1 at \d+, since .* by anonymous: first one\n$/)
    expect((await slipway('models', 'alias-at', 'told', 'champion', String(before - 86_400_000))).out).toContain(
      'named no version',
    )
    const json = JSON.parse((await slipway('models', 'alias-at', 'told', 'champion', soon, '--json')).out) as object
    expect(json).toMatchObject({ version: 1, since: { alias: 'champion' } })

    expect((await slipway('models', 'signature', 'told', '1')).out).toMatch(/^told version 1: signature \w+/)
    expect(JSON.parse((await slipway('models', 'signature', 'told', '1', '--json')).out)).toHaveProperty('state')
  })

  it('shows decisions on a version, and takes them back', async () => {
    await slipway('models', 'register', 'decided', `runs:/${runId}/model`)
    const decisions = async (): Promise<string> => (await slipway('models', 'decisions', 'decided', '1')).out
    expect(await decisions()).toBe('nobody has decided on decided version 1\n')
    await slipway('models', 'reject', 'decided', '1', '--reason', 'drifts')
    expect(await decisions()).toMatch(/anonymous +rejected +drifts\n/)
    expect(JSON.parse((await slipway('models', 'decisions', 'decided', '1', '--json')).out)).toMatchObject([
      { person: 'anonymous', decision: 'rejected', reason: 'drifts' },
    ])
    expect((await slipway('models', 'withdraw', 'decided', '1')).out).toBe(
      'your decision on decided version 1 is withdrawn\n',
    )
    expect(await decisions()).toContain('nobody')
    const policy = join(app.dataDir, 'short.json')
    writeFileSync(policy, '{"aliases": {"champion": [{"approval": {"count": 1}}]}}')
    await slipway('models', 'policy', 'decided', policy)
    expect((await slipway('models', 'unpolicy', 'decided')).out).toBe('the policy of decided is deleted\n')
    expect((await slipway('models', 'policy', 'decided')).out).toBe('no policy\n')
  })

  it('describes, tags and renames models and versions, and shows them though nothing serves them', async () => {
    await slipway('models', 'register', 'plain', `runs:/${runId}/model`)
    expect((await slipway('models', 'describe', 'plain', 'finds fraud')).out).toBe('plain is described\n')
    expect((await slipway('models', 'describe', 'plain', 'second quarter', '1')).out).toBe(
      'plain version 1 is described\n',
    )
    expect((await slipway('models', 'tag', 'plain', 'team', 'risk')).out).toBe('plain has team=risk\n')
    await slipway('models', 'tag', 'plain', 'data', 'q2', '1')
    await slipway('models', 'alias', 'plain', 'champion', '1')
    expect((await slipway('models', 'rename', 'plain', 'fancy')).out).toBe('plain is now fancy\n')
    const shown = await slipway('models', 'show', 'fancy')
    expect(shown).toMatchObject({ code: 0, err: '' })
    expect(shown.out).toMatch(
      /^fancy {2}is registered, and nothing of this name is served\n {2}finds fraud\n {2}team: risk\nversion +aliases/,
    )
    expect(shown.out).toMatch(/1 +@champion .* data=q2\n/)
    expect(shown.out).toContain('slipway deploy models:/fancy/1 --name NAME serves version 1\n')
    expect(JSON.parse((await slipway('models', 'show', 'fancy', '--json')).out)).toMatchObject({
      name: 'fancy',
      description: 'finds fraud',
      versions: [{ version: 1, description: 'second quarter' }],
    })
    expect((await slipway('models', 'copy', 'fancy', '1', 'copied')).out).toBe('fancy version 1 is copied version 1\n')
    expect((await slipway('models', 'lineage', 'copied', '1')).out).toMatch(
      /version:fancy\/1 +copied +version:copied\/1/,
    )
    await slipway('models', 'untag', 'fancy', 'team')
    await slipway('models', 'untag', 'fancy', 'data', '1')
    expect((await slipway('models', 'show', 'fancy')).out).not.toMatch(/team|data=/)
  })

  it('gives programs what changed as JSON', async () => {
    await slipway('models', 'register', 'spoken', `runs:/${runId}/model`)
    const json = async (...args: readonly string[]): Promise<unknown> => {
      const { code, out, err } = await slipway('models', ...args, '--json')
      expect({ code, err }).toEqual({ code: 0, err: '' })
      return JSON.parse(out)
    }
    expect(await json('describe', 'spoken', 'a')).toMatchObject({ name: 'spoken', description: 'a' })
    expect(await json('describe', 'spoken', 'b', '1')).toMatchObject({ version: 1, description: 'b' })
    expect(await json('tag', 'spoken', 'k', 'v', '1')).toEqual({ key: 'k', value: 'v' })
    expect(await json('untag', 'spoken', 'k', '1')).toEqual({ deleted: 'k' })
    await json('approve', 'spoken', '1')
    expect(await json('withdraw', 'spoken', '1')).toEqual({ withdrawn: '1' })
    expect(await json('decisions', 'spoken', '1')).toEqual([])
    expect(await json('copy', 'spoken', '1', 'spoken-prod')).toMatchObject({ name: 'spoken-prod', version: 1 })
    expect(await json('rename', 'spoken', 'said', '--reason', 'shorter')).toMatchObject({ name: 'said' })
    expect(await json('audit', 'said', '--kind', 'registered_model.renamed')).toMatchObject([{ reason: 'shorter' }])
  })

  it('shows prompts and their versions too', async () => {
    const { prompts } = new SlipwayClient({ url: app.addresses.http })
    await prompts.register({ name: 'greet', template: 'Hello {{name}}' })
    const shown = await slipway('models', 'show', 'greet')
    expect(shown.out).toMatch(/^greet {2}is a prompt\n[^]*\n +1 .*prompt-template/)
    expect(shown.out).not.toContain('deploy')
    expect((await slipway('models', 'versions', 'greet')).out).toMatch(/\n +1 .*prompt-template/)
  })

  it('names an endpoint that uses a version once', async () => {
    await slipway('models', 'register', 'used', `runs:/${runId}/model`)
    const client = new SlipwayClient({ url: app.addresses.http })
    await client.endpoints.put({ name: 'user', reference: 'models:/used/1', wait: false })
    const { out } = await slipway('models', 'lineage', 'used', '1')
    expect(out).toMatch(/^from +how +to\n/)
    expect(out).toMatch(/ used +endpoint:user\n/)
    const graph = await client.lineage.graph({ kind: 'endpoint', id: 'user' })
    expect(graph.nodes[0]).toMatchObject({ kind: 'endpoint', id: 'user', depth: 0 })
    expect(graph.edges).toContainEqual(expect.objectContaining({ from: 'version:used/1', to: 'endpoint:user' }))
    await expect(client.lineage.graph({ kind: 'endpoint', id: 'nobody' })).rejects.toMatchObject({ status: 404 })
  })

  it('says so when promote makes an alias that may be a mistyped one', async () => {
    await slipway('models', 'register', 'risk', `runs:/${runId}/model`)
    expect(await slipway('promote', 'risk', '1')).toEqual({ code: 0, out: '@champion of risk is version 1\n', err: '' })
    expect((await slipway('promote', 'risk', '1')).err).toBe('')
    const mistyped = await slipway('promote', 'risk', '1', '--to', 'chmapion', '--json')
    expect(JSON.parse(mistyped.out)).toBeTypeOf('object')
    expect(mistyped).toMatchObject({
      code: 0,
      err: "@chmapion is a new alias of risk, beside @champion; did you mean 'champion'?\n",
    })
    for (let index = 0; index < 5; index++) await slipway('promote', 'risk', '1', '--to', `blue-${index}`)
    expect((await slipway('promote', 'risk', '1', '--to', 'other')).err).toMatch(
      /^@other is a new alias .* and 2 more\n$/,
    )
  })

  it.each([
    [['models', 'alias', 'fraud', 'champion'], 2, /VERSION is missing/],
    [['models', 'stage', 'fraud', '1', 'nowhere'], 2, /'nowhere' is not one of None, Staging/],
    [['models', 'versions', "fr'aud"], 2, /no quotes/],
    [['models', 'register', 'other', 'file:///etc'], 1, /Invalid model version source/],
    [['models', 'alias', 'nobody', 'champion', '1'], 1, /not found/],
    [['models', 'versions', 'nobody'], 1, /nobody.* not found/],
    [['models', 'history', 'churn', 'chmapion'], 1, /never had one; it has @champion; did you mean 'champion'\?/],
    [['history', 'churn', '--alias', 'nope'], 1, /churn has no alias 'nope' and never had one/],
    [['models', 'history', 'nobody', 'champion'], 1, /never was a registered model 'nobody'/],
    [['models', 'alias-at', 'nobody', 'champion', '2026-11-24'], 1, /never was a registered model 'nobody'/],
    [['models', 'alias-at', 'churn', 'chmapion', '2026-11-24'], 1, /never had one.*did you mean 'champion'/],
    [['models', 'alias-at', 'churn', 'champion', 'noon'], 2, /TIME 'noon' is no time/],
    [['models', 'stages', 'churn', '77'], 1, /not found/],
    [['models', 'audit', 'nobody'], 1, /nobody.* not found/],
    [['models', 'audit', '--kind', 'promotion.refuse'], 1, /did you mean 'promotion.refused'/],
    [['models', 'audit', '--from', 'noon'], 2, /--from 'noon' is no time/],
    [['models', 'show', 'nobody'], 1, /no model 'nobody' is served, and none is registered; slipway models ls/],
    [
      ['webhooks', 'create', 'ci', 'https://ci.example.org/', 'model_version.created', '--secret-file', '/nonexistent'],
      1,
      /'\/nonexistent' can't be read: there is no such file/,
    ],
    [['models', 'policy', 'churn', '/nonexistent'], 1, /'\/nonexistent' can't be read: there is no such file/],
  ])('says what is wrong: %j', async (args, code, message) => {
    const ran = await slipway(...args)
    expect(ran.code).toBe(code)
    expect(ran.err).toMatch(message)
  })
})
