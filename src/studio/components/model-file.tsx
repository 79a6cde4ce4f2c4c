import { useRef } from 'preact/hooks';
import { useStudio } from '../context.ts';
import { filesOfInput } from '../files/folders.ts';
import { readOwnModel, withConfiguration } from '../files/models.ts';
import type { Studio } from '../state/studio.ts';

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
  const input = useRef<HTMLInputElement>(null);
  return {
    ask: () => input.current?.click(),
    input: (
      <input
        ref={input}
        type="file"
        accept=".onnx,.json"
        multiple
        hidden
        onChange={async ({ currentTarget }) => {
          const chosen = filesOfInput(currentTarget).map(({ file }) => file);
          currentTarget.value = '';
          await takeModel(studio, chosen);
          if (chosen.length) onTaken?.();
        }}
      />
    ),
  };
}
