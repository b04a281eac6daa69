import type {
  ImportedAlias,
  ImportedExperiment,
  ImportedLoggedModel,
  ImportedRegisteredModel,
  ImportedRun,
  ImportedTrace,
  ImportedVersion,
} from '../../protocol/index.ts'

/** One measurement, as the source has it. */
export interface Point {
  readonly key: string
  readonly step: number
  readonly timestamp: number
  readonly value: number
}

/** A file of somebody's artifacts. */
export interface SourceFile {
  /** Below the artifacts of its owner. */
  readonly path: string
  readonly bytes: number
  /** Where it can be read; its text where the source made it; or why it can't be read. */
  readonly content: { readonly file: string } | { readonly text: string } | { readonly unreadable: string }
}

/** A record and what belongs to it, which is read only when the record was taken. */
export interface SourceRecord<Record> {
  readonly record: Record
  points?(): AsyncIterable<Point>
  files?(): AsyncIterable<SourceFile>
}

/**
 * What is imported, piece by piece, so that memory doesn't grow with it. Experiment ids are those of the source. What
 * can't be read is told to the report and passed over.
 */
export interface ImportSource extends Disposable {
  experiments(): AsyncIterable<SourceRecord<ImportedExperiment>>
  runs(): AsyncIterable<SourceRecord<ImportedRun>>
  loggedModels(): AsyncIterable<SourceRecord<ImportedLoggedModel>>
  traces(): AsyncIterable<SourceRecord<ImportedTrace>>
  registeredModels(): AsyncIterable<SourceRecord<ImportedRegisteredModel>>
  versions(): AsyncIterable<SourceRecord<ImportedVersion>>
  aliases(): AsyncIterable<SourceRecord<ImportedAlias>>
}
