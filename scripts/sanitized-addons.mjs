/** Loaded before everything else (`node --import`) in runs under sanitizers: each addon is taken from its sanitized build. */
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, nextResolve) {
    const resolved = nextResolve(specifier, context);
    return {
      ...resolved,
      url: resolved.url.replace(/\/build\/Release\/(\w+\.node)$/, '/build/sanitized/Release/$1'),
    };
  },
});
