import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SlipwayClient } from '../../src/client/index.ts'
import { eventually, startTestApp, type TestApp } from '../../src/testing/index.ts'
import { newMlruns } from './mlruns-fixture.ts'
import { runSlipway } from './run-slipway.ts'
import type { Ran } from './run-slipway.ts'

interface Summary {
  readonly counts: Readonly<
    Record<string, Readonly<Record<'found' | 'created' | 'present' | 'conflict' | 'refused', number>>>
  >
  readonly experiments: readonly { readonly from: string; readonly to: string }[]
  readonly problems: readonly { readonly kind: string; readonly what: string; readonly reason: string }[]
  readonly leftOut: Readonly<Record<string, number>>
}

let app: TestApp
let client: SlipwayClient
let made = 0

beforeAll(async () => {
  app = await startTestApp()
  client = new SlipwayClient({ url: app.addresses.http })
})
afterAll(() => app.stop())

/** A run's id that no other test has. */
const newRunId = (): string => (made += 1).toString(16).padStart(32, 'a')

const slipway = (...args: readonly string[]): Promise<Ran> => runSlipway(app, args)

const importing = async (...args: readonly string[]): Promise<Summary & { readonly code: number }> => {
  const { code, out, err } = await slipway('import', ...args, '--json')
  expect(err).toBe('')
  return { code, ...(JSON.parse(out) as Summary) }
}

const reasons = ({ problems }: Summary): Record<string, string> =>
  Object.fromEntries(problems.map(({ what, reason }) => [what, reason]))

const textOfArtifact = async (runId: string, path: string): Promise<string> =>
  new Response(await client.downloadArtifact(runId, path)).text()

describe('slipway import', () => {
  it('of a folder or file that is something else says what it may be', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-no-mlruns-'))
    const refusal = async (...args: readonly string[]): Promise<string> => {
      const { code, out, err } = await slipway('import', ...args)
      expect([code > 0, out]).toEqual([true, ''])
      return err
    }
    try {
      expect(await refusal('mlruns', folder, '--dry-run')).toMatch(
        /is no folder of MLflow's file store: no folder in it has a meta\.yaml\n$/,
      )
      writeFileSync(join(folder, 'mlflow.db'), '')
      expect(await refusal('mlruns', folder)).toContain(`slipway import sqlite ${join(folder, 'mlflow.db')}`)
      mkdirSync(join(folder, 'mlruns', '0'), { recursive: true })
      writeFileSync(join(folder, 'mlruns', '0', 'meta.yaml'), 'experiment_id: "0"\n')
      expect(await refusal('mlruns', folder)).toContain(`slipway import mlruns ${join(folder, 'mlruns')}`)
      expect(await refusal(folder)).toContain(`say what '${folder}' is: slipway import mlruns ${folder}`)
      expect(await refusal()).toContain('say what to import: mlruns DIR, or sqlite FILE')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('slipway import mlruns', () => {
  it('brings runs, files and versions of a folder that was copied from elsewhere', async () => {
    using source = newMlruns()
    const runId = newRunId()
    source.experiment('471', 'copied')
    source.run('471', runId, {
      'params/a/b': 'x\ny',
      'tags/mlflow.note.content': 'ä',
      'metrics/loss': '1 0.5 0\n2 nan 1\n3 -inf 2\n',
      'artifacts/model/MLmodel': 'flavors: {}',
    })
    source.version('copied', 2, `file:///old/place/471/${runId}/artifacts/model`, `run_id: ${runId}\n`)
    source.write('models/copied/aliases/champion', '2')
    const report = await importing('mlruns', source.mlruns)
    expect(report).toMatchObject({ code: 0, problems: [], experiments: [] })
    expect(await client.experiments.get({ experimentId: '471' })).toMatchObject({ name: 'copied', creationTime: 1000 })
    expect(await client.runs.get({ runId })).toMatchObject({
      name: 'first',
      startTime: 10,
      endTime: 20,
      params: [{ key: 'a/b', value: 'x\ny' }],
      tags: [{ key: 'mlflow.note.content', value: 'ä' }],
      artifactUri: `mlflow-artifacts:/471/${runId}/artifacts`,
    })
    const { items } = await client.runs.history({ runId, key: 'loss' })
    expect(items.map(({ value }) => value)).toEqual([0.5, 'NaN', '-Infinity'])
    expect(await textOfArtifact(runId, 'model/MLmodel')).toBe('flavors: {}')
    expect(await client.registeredModels.aliased({ name: 'copied', alias: 'champion' })).toMatchObject({
      version: 2,
      source: `mlflow-artifacts:/471/${runId}/artifacts/model`,
      runId,
    })
    await expect(client.uploadArtifact(runId, 'model/MLmodel', 'x')).rejects.toMatchObject({ code: 'artifact_sealed' })
    expect(await client.modelVersions.verify({ name: 'copied', version: '2' })).toMatchObject({ intact: true })
  })

  it('says already there the second time, and lists what became different', async () => {
    using source = newMlruns()
    const [same, other] = [newRunId(), newRunId()]
    source.experiment('472', 'twice')
    for (const id of [same, other]) source.run('472', id, { 'metrics/loss': '1 0.5 0\n', 'artifacts/a.txt': 'a' })
    await importing('mlruns', source.mlruns)
    const again = await importing('mlruns', source.mlruns)
    expect(again.code).toBe(0)
    for (const { found, present } of Object.values(again.counts)) expect(present).toBe(found)
    expect((await slipway('import', 'mlruns', source.mlruns)).out).toMatch(/runs +2 +0 +2 +0 +0\n/)
    source.write(`472/${other}/params/p`, 'late')
    source.write(`472/${other}/artifacts/a.txt`, 'b')
    source.write(`472/${other}/artifacts/new.txt`, 'n')
    source.write(`472/${other}/metrics/loss`, '1 0.5 0\n2 0.25 1\n')
    const third = await importing('mlruns', source.mlruns)
    expect(third.code).toBe(1)
    expect(third.problems.map(({ kind }) => kind)).toEqual(['conflict', 'conflict'])
    expect(third.counts).toMatchObject({ points: { created: 1, present: 2 }, files: { created: 1, conflict: 1 } })
    expect((await client.runs.get({ runId: other })).params).toEqual([])
    expect(await textOfArtifact(other, 'a.txt')).toBe('a')
  })

  it('refuses and lists what is hostile or torn, and brings the rest', async () => {
    using source = newMlruns()
    const good = newRunId()
    const bad = Array.from({ length: 6 }, newRunId)
    const at = (index: number): string => `473/${bad[index] ?? ''}`
    writeFileSync(join(source.root, 'secret'), 'secret')
    source.experiment('473', 'hostile')
    source.run('473', good, {
      'metrics/loss': '1 0.5 0\ngarbage\n2 0.25 1',
      'params/ok': 'yes',
      'artifacts/model/weights': 'w',
      'artifacts/other/x': 'x',
    })
    symlinkSync(join(source.root, 'secret'), join(source.mlruns, '473', good, 'params/stolen'))
    symlinkSync('../../../../../secret', join(source.mlruns, '473', good, 'artifacts/model/stolen'))
    symlinkSync('/etc', join(source.mlruns, '474'))
    source.run('473', bad[0] ?? '')
    source.write(`${at(0)}/meta.yaml`, `run_id: ${good}\nstatus: 3\n`)
    source.write(`${at(1)}/meta.yaml`, `a: ${'['.repeat(100_000)}`)
    source.write(`${at(2)}/meta.yaml`, 'run_id: [torn')
    source.run('473', bad[3] ?? '', { 'inputs/1/meta.yaml': 'source_type: DATASET\nsource_id: ../../../secret\n' })
    source.run('473', bad[4] ?? '')
    source.write(`${at(4)}/meta.yaml`, `run_id: ${bad[4] ?? ''}\nstatus: 3\nartifact_uri: file:///etc\n`)
    source.write('473/not-a-run-id!/meta.yaml', 'run_id: not-a-run-id!\nstatus: 3\n')
    source.version('hostile', 1, '/etc/passwd')
    source.version('hostile', 2, `/x/${good}/artifacts/model`)
    source.version('hostile', 3, `/x/${good}/artifacts/../../../up`)
    source.version('hostile', 4, `/x/${good}/artifacts/other`)
    source.version('hostile', 5, `/x/${'f'.repeat(32)}/artifacts/model`)
    source.write('models/evil/meta.yaml', 'name: ../evil\ncreation_timestamp: 1\n')
    const report = await importing('mlruns', source.mlruns)
    expect(report.code).toBe(1)
    const found = reasons(report)
    expect(found).toMatchObject({
      '474': 'it is a link that leads out of the imported folder',
      [`473/${good}/params/stolen`]: 'it is a link that leads out of the imported folder',
      [`artifact model/stolen of run ${good}`]: 'it is a link that leads out of the imported folder',
      [at(0)]: `its meta.yaml is that of '${good}'`,
      [at(1)]: expect.stringContaining('words and signs') as string,
      [at(2)]: expect.stringContaining('it is not YAML') as string,
      [`${at(3)}/inputs/1`]: expect.stringContaining('no id of a data set') as string,
      [at(4)]: expect.stringContaining('outside of what is imported') as string,
      'run not-a-run-id!': expect.stringContaining('Invalid run ID') as string,
      'models/hostile/version-1': expect.stringContaining('belongs to no run or logged model') as string,
      "version 2 of 'hostile'": 'some of its files could not be imported',
      "version 3 of 'hostile'": expect.stringMatching(/Invalid|path/) as string,
      "version 5 of 'hostile'": expect.stringContaining('not found') as string,
      'models/evil/meta.yaml': "it is that of '../evil'",
    })
    const lines = report.problems.filter(({ what }) => what === `473/${good}/metrics/loss`)
    expect(lines.map(({ reason }) => reason)).toEqual([
      "line 2: 'time' is no whole number: 'garbage'",
      'line 3: it was not written to its end',
    ])
    const run = await client.runs.get({ runId: good })
    expect(run).toMatchObject({ params: [{ key: 'ok', value: 'yes' }], metrics: [{ key: 'loss', value: 0.5 }] })
    const { items } = await client.runs.artifacts({ runId: good, path: 'model' })
    expect(items.map(({ path }) => path)).toEqual(['model/weights'])
    const { items: versions } = await client.modelVersions.search({ filter: "name = 'hostile'" })
    expect(versions.map(({ version }) => version)).toEqual([4])
    expect(JSON.stringify(report)).not.toContain('root:')
  })

  it('sends nothing in a dry run, and needs no server for it', async () => {
    using source = newMlruns()
    const runId = newRunId()
    source.experiment('475', 'dry')
    source.run('475', runId, { 'metrics/loss': '1 0.5 0\n', 'artifacts/a.txt': 'abc' })
    const elsewhere = ['--server', 'http://127.0.0.1:9']
    const report = await importing('mlruns', source.mlruns, '--dry-run', ...elsewhere)
    expect(report).toMatchObject({
      code: 0,
      dryRun: true,
      bytes: 3,
      counts: { runs: { found: 1 }, points: { found: 1 }, files: { found: 1 } },
    })
    await expect(client.runs.get({ runId })).rejects.toMatchObject({ status: 404 })
    const { code, err } = await slipway('import', 'mlruns', source.mlruns, ...elsewhere)
    expect(code).toBe(1)
    expect(err).toContain("can't be reached")
    expect(await slipway('import', 'mlruns', join(source.root, 'nothing'))).toMatchObject({ code: 1 })
    expect(await slipway('import', 'folder', source.mlruns)).toMatchObject({ code: 2 })
    expect(await slipway('import', 'mlruns')).toMatchObject({ code: 2 })
  })

  it('is finished by running it again after it was killed', async () => {
    using source = newMlruns()
    const ids = Array.from({ length: 130 }, newRunId)
    const points = Array.from({ length: 400 }, (_, step) => `${step} 0.5 ${step}\n`).join('')
    source.experiment('476', 'killed')
    for (const id of ids) source.run('476', id, { 'metrics/loss': points, 'artifacts/a.txt': id })
    const args = ['import', 'mlruns', source.mlruns, '--server', app.addresses.http, '--json']
    const first = spawn(process.execPath, ['bin/slipway.mjs', ...args], { stdio: 'ignore' })
    const exited = new Promise<NodeJS.Signals | null>((resolve) => first.on('exit', (_, signal) => resolve(signal)))
    const some = (): Promise<number> =>
      client.runs.search({ experimentIds: ['476'], limit: 1000 }).then(({ items }) => items.length)
    await eventually('some runs are there', async () => ((await some()) > 0 ? true : undefined))
    first.kill('SIGKILL')
    expect(await exited).toBe('SIGKILL')
    expect(await some()).toBeLessThan(ids.length)
    const second = await importing('mlruns', source.mlruns)
    expect(second).toMatchObject({ code: 0, problems: [] })
    expect(second.counts['runs']?.present).toBeGreaterThan(0)
    expect(await some()).toBe(ids.length)
    for (const runId of [ids[0] ?? '', ids.at(-1) ?? '']) {
      expect((await client.runs.history({ runId, key: 'loss' })).items).toHaveLength(400)
      expect(await textOfArtifact(runId, 'a.txt')).toBe(runId)
    }
  })
})

/** A database with the tables that every version of MLflow has. */
const newDatabase = (path: string): DatabaseSync => {
  const db = new DatabaseSync(path)
  db.exec(`
    CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT, artifact_location TEXT, lifecycle_stage TEXT);
    CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, user_id TEXT, status TEXT, start_time BIGINT, end_time BIGINT,
      lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER);
    CREATE TABLE metrics (key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT, step BIGINT, is_nan BOOLEAN);
    CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
    CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
  `)
  return db
}

describe('slipway import sqlite', () => {
  it('reads a database of an older version, more points than a page', async () => {
    using source = newMlruns()
    const [runId, path] = [newRunId(), join(source.root, 'mlflow.db')]
    const db = newDatabase(path)
    db.exec(`INSERT INTO experiments VALUES (481, 'old', './mlruns/481', 'active');
      INSERT INTO runs VALUES ('${runId}', 'r', 'ada', 'FAILED', 1, 2, 'active', './mlruns/481/${runId}/artifacts', 481);
      INSERT INTO params VALUES ('p', 'v', '${runId}'); INSERT INTO tags VALUES ('t', NULL, '${runId}');
      INSERT INTO metrics VALUES ('nan', 0, 5, '${runId}', 0, 1);
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2499)
        INSERT INTO metrics SELECT 'loss', i / 2.0, i, '${runId}', i, 0 FROM n;`)
    db.close()
    source.write(`481/${runId}/artifacts/a.txt`, 'a')
    const report = await importing('sqlite', path, '--artifacts', source.mlruns)
    expect(report).toMatchObject({
      code: 0,
      problems: [],
      counts: { points: { created: 2501 }, files: { created: 1 } },
    })
    expect(await client.runs.get({ runId })).toMatchObject({
      status: 'FAILED',
      metrics: [
        { key: 'loss', value: 1249.5, step: 2499 },
        { key: 'nan', value: 'NaN' },
      ],
      params: [{ key: 'p', value: 'v' }],
      tags: [{ key: 't', value: '' }],
    })
  })

  it('brings assessments, and lists those that are torn', async () => {
    using source = newMlruns()
    const [path, traceId] = [join(source.root, 'mlflow.db'), `tr-${newRunId()}`]
    const ids = Array.from({ length: 5 }, () => `a-${newRunId()}`)
    const db = newDatabase(path)
    db.exec(`INSERT INTO experiments VALUES (482, 'assessed', './mlruns/482', 'active');
      CREATE TABLE trace_info (request_id TEXT PRIMARY KEY, experiment_id INTEGER, timestamp_ms BIGINT,
        execution_time_ms BIGINT, status TEXT);
      CREATE TABLE assessments (assessment_id TEXT PRIMARY KEY, trace_id TEXT, name TEXT, assessment_type TEXT,
        value TEXT, created_timestamp BIGINT, source_type TEXT, valid BOOLEAN, assessment_metadata TEXT);
      INSERT INTO trace_info VALUES ('${traceId}', 482, 1, 2, 'OK');`)
    const rows: readonly (readonly (string | number | null)[])[] = [
      ['score', 'feedback', '0.25', 7, 'HUMAN', 0, '{"a": 1, "__proto__": "own"}'],
      ['facts', 'expectation', '[9007199254740993]', 8, 'CODE', 1, null],
      ['torn', 'feedback', '{"value', 7, 'HUMAN', 1, null],
      ['odd', 'opinion', '1', 7, 'HUMAN', 1, null],
      ['untimed', 'feedback', '1', 'yesterday', 'HUMAN', 1, null],
    ]
    for (const [index, row] of rows.entries())
      db.prepare('INSERT INTO assessments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)').run(ids[index] ?? '', traceId, ...row)
    db.close()
    const report = await importing('sqlite', path)
    expect(report).toMatchObject({ code: 1, counts: { traces: { created: 1 } } })
    const found = reasons(report)
    expect(found[`assessment ${ids[2] ?? ''} of trace ${traceId}`]).toContain('no JSON')
    expect(found[`assessment ${ids[3] ?? ''} of trace ${traceId}`]).toContain("'opinion' is no kind")
    expect(found[`assessment ${ids[4] ?? ''} of trace ${traceId}`]).toContain("'create_time' is no time")
    const reply = await fetch(`${app.addresses.http}/api/3.0/mlflow/traces/${traceId}`)
    const { trace } = (await reply.json()) as { trace: { trace_info: { assessments: unknown[] } } }
    const kept = trace.trace_info.assessments
    expect(kept).toHaveLength(2)
    expect(kept).toContainEqual(
      expect.objectContaining({
        assessment_id: ids[0],
        feedback: { value: 0.25 },
        valid: false,
        metadata: JSON.parse('{"a":"1","__proto__":"own"}') as unknown,
        last_update_time: '1970-01-01T00:00:00.007Z',
      }),
    )
    const serialized_value = { serialization_format: 'JSON_FORMAT', value: '[9007199254740993]' }
    expect(kept).toContainEqual(expect.objectContaining({ assessment_id: ids[1], expectation: { serialized_value } }))
  })

  it('reads no path that the database names, no views, and no other files', async () => {
    using source = newMlruns()
    const path = join(source.root, 'mlflow.db')
    const ids = Array.from({ length: 3 }, newRunId)
    const db = newDatabase(path)
    db.exec(`INSERT INTO experiments VALUES (491, 'sly', '/etc', 'active')`)
    const places = ['file:///etc', '/etc', 'mlflow-artifacts:/../../etc']
    for (const [index, id] of [...ids, '../../x'].entries())
      db.prepare(`INSERT INTO runs VALUES (?, 'r', 'ada', 'FINISHED', 1, 2, 'active', ?, 491)`).run(
        id,
        places[index] ?? '',
      )
    db.prepare(`INSERT INTO params VALUES (?, 'v', ?)`).run('../../../etc/passwd', ids[2] ?? '')
    db.close()
    const report = await importing('sqlite', path, '--artifacts', source.mlruns)
    const found = reasons(report)
    expect(found[`run ${ids[0] ?? ''}`]).toContain('outside of what is imported')
    expect(found[`run ${ids[1] ?? ''}`]).toContain('outside of what is imported')
    expect(found['run ../../x']).toContain('Invalid run ID')
    expect(report.counts['files']?.found).toBe(0)
    const without = await importing('sqlite', path)
    expect(Object.keys(without.leftOut)).toContainEqual(expect.stringContaining('--artifacts'))
    writeFileSync(join(source.root, 'text.db'), 'no database at all, but some text')
    const viewed = new DatabaseSync(join(source.root, 'views.db'))
    viewed.exec('CREATE TABLE t (x); CREATE VIEW experiments AS SELECT 1 AS x; CREATE VIEW runs AS SELECT 1 AS x')
    viewed.close()
    for (const [file, message] of [
      ['text.db', 'SQLite'],
      ['views.db', 'no database of MLflow'],
      ['nothing.db', 'there is no file'],
    ] as const) {
      const { code, err } = await slipway('import', 'sqlite', join(source.root, file))
      expect([code, err]).toEqual([1, expect.stringContaining(message)])
    }
  })
})
