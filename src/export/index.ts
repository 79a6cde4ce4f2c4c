export { ADAPTER_FILES, type AdapterSet, adapterTensors, readAdapters, writeAdapters } from './adapters.ts';
export { type CompressedForm, compressWeights } from './compress.ts';
export { type FedModel, feedsOf } from './feeds.ts';
export { shippedPreprocessing } from './images.ts';
export { type ExportMetadata, exportModel, metadataOf, roundedState } from './model.ts';
export {
  type ConfigNotes,
  labelsOf,
  namedClasses,
  TRANSFORMERS_NAMES,
  type TransformersOptions,
  temperatureOf,
  transformersConfig,
  transformersFolder,
  transformersModel,
  unknownOf,
  withNotes,
} from './transformers.ts';
export { type Verification, type VerifyOptions, verifyExport } from './verify.ts';
