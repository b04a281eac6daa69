import type { Page, Reasoned } from './common-types.ts'

/** What operations on lineage, the audit and garbage take and give. Times are Unix ms. */

export type LineageKindName = 'dataset' | 'run' | 'logged_model' | 'version' | 'alias' | 'endpoint'

export interface LineageView {
  readonly nodes: readonly {
    readonly kind: LineageKindName
    readonly id: string
    readonly depth: number
    readonly facts: Readonly<Record<string, string | number>>
  }[]
  /** From and to are `KIND:ID`, in the direction in which data flow. */
  readonly edges: readonly { readonly from: string; readonly to: string; readonly kind: string }[]
  readonly truncated: boolean
}

export interface AuditEventView {
  readonly sequence: number
  readonly time: number
  readonly actor: string
  readonly kind: string
  readonly subject: { readonly type: string; readonly id: string; readonly name?: string | undefined }
  readonly reason?: string | undefined
  readonly details: Readonly<Record<string, unknown>>
}

/** What is removed for good, and what stays. */
export interface GarbageItemView {
  readonly kind: 'upload' | 'run' | 'logged_model' | 'experiment' | 'blob'
  readonly id: string
  readonly name: string
  /** `goes` where nothing was removed yet, `gone` where it was. */
  readonly verdict: 'goes' | 'gone' | 'kept'
  readonly reason: string
  /** Files that it names, and their bytes. */
  readonly files: number
  readonly bytes: number
  /** Of those the bytes that nothing else names; they are freed when their blobs go. */
  readonly bytesAlone: number
}

export interface GarbagePageView extends Page<GarbageItemView> {
  /** Blobs that something names, as far as this page looked. */
  readonly blobsInUse: number
}

export interface GarbageInput {
  /** How long ago something must have been deleted; 30 days, or no time at all for what is named. */
  readonly olderThanMs?: number
  /** How long a file must have been stored before it can count as unused; an hour. */
  readonly blobAgeMs?: number
  readonly runIds?: readonly string[]
  readonly loggedModelIds?: readonly string[]
  /** With their runs. */
  readonly experimentIds?: readonly string[]
  readonly limit?: number
  readonly pageToken?: string
}

export interface RecordApi {
  'lineage.graph': {
    input: {
      readonly kind: LineageKindName
      readonly id: string
      readonly direction?: 'upstream' | 'downstream' | 'both'
      readonly depth?: number
    }
    output: LineageView
  }
  'audit.search': {
    input: {
      readonly model?: string
      readonly kind?: string
      readonly actor?: string
      readonly from?: number
      readonly to?: number
      readonly limit?: number
      readonly pageToken?: string
    }
    output: Page<AuditEventView>
  }
  'garbage.plan': { input: GarbageInput; output: GarbagePageView }
  'garbage.collect': { input: GarbageInput & Reasoned; output: GarbagePageView }
}
