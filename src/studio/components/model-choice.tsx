import type { ComponentChildren } from 'preact';
import { useStudio } from '../context.ts';
import { filesOfTransfer } from '../files/folders.ts';
import { arePhotographs } from '../state/classes.ts';
import { PHOTOS } from '../state/photo-model.ts';
import { takeModel, useModelFiles } from './model-file.tsx';
import { Trouble } from './trouble.tsx';

/** The model that the training starts from. */
export function ModelChoice() {
  const studio = useStudio();
  const { ask, input } = useModelFiles();
  const kind = studio.setup.kind.value;
  const own = studio.setup.own.value;
  const disabled = studio.teaching.busy.value;
  const here = studio.photoModel.model.value !== undefined;
  return (
    <fieldset
      class="models"
      disabled={disabled}
      onDragOver={(event) => event.preventDefault()}
      onDrop={async (event) => {
        event.preventDefault();
        if (event.dataTransfer && !disabled) {
          await takeModel(
            studio,
            (await filesOfTransfer(event.dataTransfer)).map(({ file }) => file),
          );
        }
      }}
    >
      <legend>Start from</legend>
      <Model name="Photos" checked={kind === 'photos'} onChoose={() => studio.setup.choose('photos')}>
        {PHOTOS.architecture}, which knows photographs.{' '}
        {here ? 'On this device.' : `${PHOTOS.megabytes} MB to download once.`}
      </Model>
      <Model name="Drawings" checked={kind === 'drawings'} onChoose={() => studio.setup.choose('drawings')}>
        Built in. Small and quick, and knows drawings and signs.
      </Model>
      <Model
        name={own?.name ?? 'Your own .onnx'}
        checked={kind === 'own'}
        onChoose={() => studio.setup.choose('own')}
        onAsk={own ? undefined : ask}
      >
        {own
          ? own.preprocessorConfig
            ? 'Your own, with its preprocessor_config.json.'
            : 'Your own, without a preprocessor_config.json.'
          : 'Choose its file, and the JSON files next to it.'}
      </Model>
      {input}
      <Trouble place="model" />
      <p class="hint" aria-live="polite">
        {studio.setup.notice.value}
      </p>
      <Ways onFile={ask} />
    </fieldset>
  );
}

interface ModelProps {
  readonly name: string;
  readonly checked: boolean;
  readonly onChoose: () => void;
  /** If the choice moves later, when a file is there. */
  readonly onAsk?: () => void;
  readonly children: ComponentChildren;
}

const Model = ({ name, checked, onChoose, onAsk, children }: ModelProps) => (
  <label>
    <input
      type="radio"
      name="model"
      checked={checked}
      onChange={onChoose}
      onClick={(event) => {
        if (!onAsk) return;
        event.preventDefault();
        onAsk();
      }}
    />
    <span>
      <strong>{name}</strong>
      <small>{children}</small>
    </span>
  </label>
);

/** Hints and further actions for the chosen model. */
function Ways({ onFile }: { readonly onFile: () => void }) {
  const studio = useStudio();
  const { served } = studio.host;
  const kind = studio.setup.kind.value;
  const own = studio.setup.own.value;
  const serving = studio.setup.serving.value;
  return (
    <>
      {kind === 'drawings' && arePhotographs(studio.collection.classes.value) && (
        <p class="hint">
          These look like photographs, which the drawings model does not know. Photos gets much further.
        </p>
      )}
      {serving && (
        <p class="hint">
          {served!.name} comes from the command: {percentOf(serving.received, serving.total)}
        </p>
      )}
      <div class="row">
        {kind === 'photos' && !studio.photoModel.model.value && (
          <button type="button" class="secondary" onClick={() => studio.photoModel.want()}>
            Download the photo model
          </button>
        )}
        {served && !serving && own?.name !== served.name && (
          <button type="button" class="secondary" onClick={() => studio.setup.takeServed()}>
            Use {served.name}
          </button>
        )}
        {kind === 'own' && (
          <button type="button" class="quiet" onClick={onFile}>
            Choose other files
          </button>
        )}
      </div>
    </>
  );
}

const percentOf = (part: number, whole: number): string => `${whole ? Math.round((100 * part) / whole) : 0}%`;
