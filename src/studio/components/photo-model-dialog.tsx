import { HUB } from '../../content-security.ts';
import { useStudio } from '../context.ts';
import { PHOTOS, REPOSITORY } from '../state/photo-model.ts';
import { Dialog } from './dialog.tsx';
import { useKeptFocus } from './focus.ts';
import { Icon } from './icon.tsx';
import { useModelFiles } from './model-file.tsx';
import { Trouble } from './trouble.tsx';

const { architecture, trainedOn, megabytes, licence } = PHOTOS;

const FACTS = [
  ['Model', `${architecture}, trained on ${trainedOn}`],
  ['Size', `${megabytes} MB`],
  ['Source', `${new URL(HUB).host}/${REPOSITORY}`],
  ['Licence', licence],
] as const;

/** Asks before the photo model is downloaded, and shows the download. */
export function PhotoModelDialog() {
  const studio = useStudio();
  const { photoModel } = studio;
  const { ask, input } = useModelFiles(() => photoModel.dismiss());
  const area = useKeptFocus<HTMLElement>();
  const progress = photoModel.progress.value;
  const failed = studio.board.problems.value['photo-model'] !== undefined;
  return (
    <Dialog title="Download the photo model?" onClose={() => photoModel.dismiss()}>
      <dl class="facts">
        {FACTS.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p class="hint">
        It is downloaded once, checked, and kept in this browser. Then it works without a network. Your images stay on
        this device.
      </p>
      {!navigator.onLine && !failed && <p class="note">This device has no network now.</p>}
      <Trouble place="photo-model" />
      <footer ref={area} tabIndex={-1}>
        {progress ? (
          <Download received={progress.received} total={progress.total} />
        ) : (
          <>
            <button type="button" class="primary" onClick={() => photoModel.download()}>
              <Icon name="download" />
              {failed ? 'Try again' : `Download ${megabytes} MB`}
            </button>
            <button type="button" class="secondary" onClick={ask}>
              <Icon name="file" />
              Choose a model file instead
            </button>
            <button
              type="button"
              class="secondary"
              onClick={() => {
                photoModel.dismiss();
                studio.setup.choose('drawings');
              }}
            >
              <Icon name="pen" />
              Start from the drawings model
            </button>
          </>
        )}
        {input}
      </footer>
    </Dialog>
  );
}

/** The progress of the download, and a button that ends it. */
function Download({ received, total }: { readonly received: number; readonly total: number }) {
  const { photoModel } = useStudio();
  const megabytesOf = (bytes: number) => (bytes / 1e6).toFixed(1);
  return (
    <div class="progress">
      <p>
        <strong>Downloading …</strong>
        <span>{total > 0 && `${megabytesOf(received)} of ${megabytesOf(total)} MB`}</span>
      </p>
      <progress aria-label="Download" {...(total > 0 && { value: received, max: total })} />
      <button type="button" class="secondary" onClick={() => photoModel.dismiss()}>
        Cancel
      </button>
    </div>
  );
}
