// What the scenarios use of Node's `assert/strict`, for a page.

function fail(message, otherwise) {
  throw message instanceof Error ? message : new Error(message ?? otherwise);
}

const text = (value) => {
  try { return JSON.stringify(value) ?? String(value); } catch { return String(value); }
};

export function same(one, other) {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => Object.hasOwn(other, name) && same(one[name], other[name]));
}

export default {
  ok(value, message) { if (!value) fail(message, `${text(value)} is not true`); },
  equal(one, other, message) { if (!Object.is(one, other)) fail(message, `${text(one)} is not ${text(other)}`); },
  deepEqual(one, other, message) { if (!same(one, other)) fail(message, `${text(one)} is not like ${text(other)}`); },
  match(value, pattern, message) { if (!pattern.test(value)) fail(message, `${text(value)} does not match ${pattern}`); },
  async rejects(promise) {
    try { await promise; } catch { return; }
    fail(undefined, 'was not rejected');
  },
};
