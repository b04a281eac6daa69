import { loadResultFromData } from '../../src/client/load/load-result.ts'
import type { LoadResult, LoadResultData } from '../../src/client/load/load-result.ts'
import { paceFromData } from './pace.ts'
import type { Pace, PaceData } from './pace.ts'

/** A result with the pace at which it came about; empty for a closed loop. */
export interface MeasuredLoad extends LoadResult {
  readonly pace: Pace
}

/** As it passes between processes. */
export interface MeasuredLoadData {
  readonly result: LoadResultData
  readonly pace: PaceData
}

export const measuredLoadFromData = ({ result, pace }: MeasuredLoadData): MeasuredLoad => ({
  ...loadResultFromData(result),
  pace: paceFromData(pace),
})
