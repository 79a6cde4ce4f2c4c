import { expect, test } from 'vitest';
import { ThawError } from '../src/errors.ts';

test('the whole message is a property of the error itself, since errors of JavaScriptCore have a `line` of their own', () => {
  const error = new ThawError('device', 'what is wrong', 'What to do');
  expect(Object.hasOwn(error, 'line')).toBe(true);
  expect(error.line).toBe('what is wrong. What to do');
  expect(new ThawError('device', 'what is wrong').line).toBe('what is wrong');
});

test('a message is one line, whatever the names in it', () => {
  const error = new ThawError('bad-model', 'there is no "a\nb" in it', 'Rename\r\n "a\u2028b"');
  expect(error.line).toBe('there is no "a b" in it. Rename "a b"');
});
