import { StudioContext } from '../context.ts';
import type { Studio } from '../state/studio.ts';
import { DownloadSection } from './download-section.tsx';
import { Header } from './header.tsx';
import { ImagesSection } from './images-section.tsx';
import { MistakesSection } from './mistakes-section.tsx';
import { PhotoModelDialog } from './photo-model-dialog.tsx';
import { Steps } from './steps.tsx';
import { TrainSection } from './train-section.tsx';
import { TrySection } from './try-section.tsx';
import { Undo } from './undo.tsx';
import { announcement } from './words.ts';

export interface AppProps {
  readonly studio: Studio;
  /** Something about this visit that is good to know. */
  readonly notice: string | undefined;
}

export const App = ({ studio, notice }: AppProps) => (
  <StudioContext.Provider value={studio}>
    <Header notice={notice} />
    <main>
      <ImagesSection />
      <TrainSection />
      <TrySection />
      <MistakesSection />
      <DownloadSection />
    </main>
    <Undo />
    <Steps />
    {studio.photoModel.asks.value && <PhotoModelDialog />}
    <Announcer studio={studio} />
  </StudioContext.Provider>
);

/** Announces the training's progress to screen readers. */
function Announcer({ studio: { teaching } }: { readonly studio: Studio }) {
  return (
    <p class="unseen" aria-live="polite">
      {announcement(teaching.run.value, teaching.result.value)}
    </p>
  );
}
