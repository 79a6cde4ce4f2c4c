import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useCallback, useEffect, useRef } from 'preact/hooks';
import type { Prediction } from '../../tasks/index.ts';
import { useStudio } from '../context.ts';
import { type Explained, explained } from './explained.ts';

interface State {
  /** The newest image that was not asked about yet. */
  waiting?: Blob;
  /** The image that was shown last; undefined if nothing is looked at. */
  shown?: Blob;
  asked: boolean;
  /** The component is. */
  gone: boolean;
}

/** Shows an image, or nothing. @param live whether it is one of a video: the last explanation stays until the next one */
export type Show = (image: Blob | undefined, live?: boolean) => Promise<void>;

/**
 * Predictions of the newest image, one at a time. Images that came in between are skipped.
 *
 * @param why whether predictions are explained
 */
export function usePrediction(why: ReadonlySignal<boolean>) {
  const { teaching, board } = useStudio();
  const prediction = useSignal<Prediction<'classification'> | undefined>(undefined);
  const explanation = useSignal<Explained | undefined>(undefined);
  const state = useRef<State>({ asked: false, gone: false });

  useEffect(() => {
    state.current.gone = false;
    return () => {
      state.current.gone = true;
    };
  }, []);

  const show: Show = useCallback(
    async (image, live = false) => {
      const now = state.current;
      now.waiting = image;
      now.shown = image;
      if (!image) prediction.value = undefined;
      if (!image || !live) explanation.value = undefined;
      if (now.asked) return;
      now.asked = true;
      try {
        while (now.waiting && !now.gone) {
          const next = now.waiting;
          now.waiting = undefined;
          const answer = await teaching.predict(next);
          // Cleared while it was asked: there is nothing to answer.
          if (answer && now.shown) prediction.value = answer;
          if (!why.peek() || now.waiting) continue;
          const found = await teaching.explain(next);
          const shown = found && (await explained(next, found));
          if (why.peek() && (now.shown === next || (live && now.shown))) explanation.value = shown;
        }
        board.clear('try');
      } catch (error) {
        board.fail('try', error);
      } finally {
        now.asked = false;
      }
    },
    [teaching, board, prediction, explanation, why],
  );

  const asks = why.value;
  useEffect(() => {
    if (!asks) explanation.value = undefined;
    else if (state.current.shown) void show(state.current.shown);
  }, [asks, show, explanation]);
  return { prediction, explanation, show };
}
