/** Notices before a training, one line each. */

/** Nothing states a model's preprocessing. */
export const ASSUMED =
  "the model's folder has no preprocessor_config.json, so ImageNet's preprocessing is assumed (settings preprocessing, mean, std)";

/** A model is quantized. */
export const EXACT =
  'the model is quantized: Thaw computes it in float32, exactly as the ONNX standard defines it, so it takes about as long as a float model';

/** For the former name of a setting, which still works. */
export const RENAMED_STD = 'the setting deviation is now called std; the old name will be removed';
