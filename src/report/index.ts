export { modelCard, type ShippedModel } from './card.ts';
export { agreementText, type CleaningReport, renderCleaning } from './cleaning/index.ts';
export { csvOf } from './csv.ts';
export { type Curve, type Curves, curvesOf } from './curves.ts';
export type { FederationClient, FederationReport } from './federation/index.ts';
export { renderReport } from './html.ts';
export { csvHeader, csvRow, jsonLine } from './metrics.ts';
export { type MapsSource, type ShownMistake, withMaps } from './mistake-maps.ts';
export { type Plot, reportPlots } from './plots.ts';
export { type RateTest, renderRateTest } from './rate-test.ts';
export { renderSweep, type SweepTable, sweepCsv } from './sweep.ts';
export { taskCard } from './task/card.ts';
export { renderTaskReport } from './task/page.ts';
export type { ShownImages, TaskCard, TaskReport } from './task/types.ts';
export { epochScalars, eventFileHeader, scalarEvents } from './tensorboard.ts';
export type {
  CardRun,
  ClassifierCard,
  ComparisonRow,
  DatasetSummary,
  Mistake,
  ReportData,
  ReportEnvironment,
  ReportStage,
  RunReport,
  Times,
} from './types.ts';
