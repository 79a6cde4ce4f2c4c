import { useRef } from 'preact/hooks';
import { useStudio } from '../context.ts';
import { filesOfInput, filesOfTransfer } from '../files/folders.ts';
import { readOwnModel, withConfiguration } from '../files/models.ts';
import { arePhotographs } from '../state/classes.ts';
import { Trouble } from './trouble.tsx';

/** The model that the training starts from. */
export function ModelChoice() {
  const studio = useStudio();
  const files = useRef<HTMLInputElement>(null);
  const model = studio.model.value;
  const disabled = studio.teaching.busy.value;

  const take = async (chosen: readonly File[]) => {
    if (!chosen.length) return;
    try {
      const isConfiguration = chosen.every(({ name }) => name.endsWith('.json'));
      studio.choose(model && isConfiguration ? await withConfiguration(model, chosen) : await readOwnModel(chosen));
    } catch (error) {
      studio.board.fail('model', error);
    }
  };
  return (
    <fieldset
      class="models"
      disabled={disabled}
      onDragOver={(event) => event.preventDefault()}
      onDrop={async (event) => {
        event.preventDefault();
        if (event.dataTransfer && !disabled) {
          await take((await filesOfTransfer(event.dataTransfer)).map(({ file }) => file));
        }
      }}
    >
      <legend>Start from</legend>
      <label>
        <input type="radio" name="model" checked={!model} onChange={() => studio.choose(undefined)} />
        <span>
          <strong>Built in</strong>
          <small>Small and quick. At home with drawings and signs.</small>
        </span>
      </label>
      <label>
        <input
          type="radio"
          name="model"
          checked={Boolean(model)}
          // A click asks for the file; the choice moves when there is one.
          onClick={(event) => {
            event.preventDefault();
            files.current?.click();
          }}
        />
        <span>
          <strong>{model ? model.name : 'Your own .onnx'}</strong>
          <small>
            {model
              ? model.preprocessorConfig
                ? 'With its preprocessor_config.json.'
                : 'Click to add its preprocessor_config.json, or to take another.'
              : 'For photos, say. Choose the JSON files next to it as well.'}
          </small>
        </span>
      </label>
      <input
        ref={files}
        type="file"
        accept=".onnx,.json"
        multiple
        hidden
        onChange={async ({ currentTarget }) => {
          const chosen = filesOfInput(currentTarget).map(({ file }) => file);
          currentTarget.value = '';
          await take(chosen);
        }}
      />
      <Trouble place="model" />
      {!model && arePhotographs(studio.classes.value) && (
        <p class="hint">
          The built-in model knows drawings, and these look like photographs: an .onnx that has seen photographs gets
          much further. The command <code>npx thaw models</code> names some.
        </p>
      )}
    </fieldset>
  );
}
