import { useSignal } from '@preact/signals';
import { useCallback, useEffect, useRef } from 'preact/hooks';
import type { Prediction } from '../../tasks/index.ts';
import { useStudio } from '../context.ts';

interface State {
  /** The newest image that was not asked about yet. */
  waiting?: Blob;
  /** Nothing is looked at. */
  empty: boolean;
  asked: boolean;
  /** The component is. */
  gone: boolean;
}

/** Predictions of the newest image, one at a time. Images that came in between are skipped. */
export function usePrediction() {
  const { teaching, board } = useStudio();
  const prediction = useSignal<Prediction<'classification'> | undefined>(undefined);
  const state = useRef<State>({ empty: true, asked: false, gone: false });

  useEffect(() => {
    state.current.gone = false;
    return () => {
      state.current.gone = true;
    };
  }, []);

  const show = useCallback(
    async (image: Blob | undefined): Promise<void> => {
      const now = state.current;
      now.waiting = image;
      now.empty = !image;
      if (!image) prediction.value = undefined;
      if (now.asked) return;
      now.asked = true;
      try {
        while (now.waiting && !now.gone) {
          const next = now.waiting;
          now.waiting = undefined;
          const answer = await teaching.predict(next);
          // Cleared while it was asked: there is nothing to answer.
          if (answer && !now.empty) prediction.value = answer;
        }
        board.clear('try');
      } catch (error) {
        board.fail('try', error);
      } finally {
        now.asked = false;
      }
    },
    [teaching, board, prediction],
  );
  return { prediction, show };
}
