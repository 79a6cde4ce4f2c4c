import { useStudio } from '../context.ts';
import { readOwnModel, withConfiguration } from '../files/models.ts';
import type { Studio } from '../state/studio.ts';
import { useFilesInput } from './files-input.tsx';

/** Takes the model among files, or JSON files for the model that is there. */
export async function takeModel(studio: Studio, files: readonly File[]): Promise<void> {
  if (!files.length) return;
  const own = studio.setup.own.value;
  try {
    const isConfiguration = files.every(({ name }) => name.endsWith('.json'));
    studio.setup.take(own && isConfiguration ? await withConfiguration(own, files) : await readOwnModel(files));
  } catch (error) {
    studio.board.fail('model', error);
  }
}

/** The dialog that asks for a model's files. @returns its input, and opens it */
export function useModelFiles(onTaken?: () => void) {
  const studio = useStudio();
  return useFilesInput({ accept: '.onnx,.json', multiple: true }, async (files) => {
    await takeModel(studio, files);
    if (files.length) onTaken?.();
  });
}
