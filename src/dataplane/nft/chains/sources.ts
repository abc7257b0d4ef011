/** Source ranges of a Service, checked before a backend is chosen (A30, E12). */

import { type Expression, expr } from '../../../kernel/native.ts';
import type { Family } from '../../../model/address.ts';
import { familySet } from '../layout.ts';
import type { Chain } from './chain.ts';
import { loadFrontend } from './frontend-key.ts';
import {
  forEachFamily,
  frontendWidth,
  goByNumber,
  goTo,
  inSet,
  loadAddress,
  lookUpService,
  type Rule,
} from './matching.ts';

export type SourcePolicy = 'allow' | 'deny';

export function sourceChainName(policy: SourcePolicy): string {
  return `sources-${policy}`;
}

/** `allow`: only listed sources go on. `deny`: all but the listed. */
export function sourceChains(): readonly Chain[] {
  const goOn = perKey((family) =>
    goByNumber('after-sources', frontendWidth(family), frontendWidth(family) + 1, 'route-allowed'),
  );
  const listed = (ending: (family: Family) => readonly Expression[]) =>
    perKey((family) => [
      loadAddress(family, 'source', frontendWidth(family) + 1),
      inSet(familySet('source', family), frontendWidth(family)),
      ...ending(family),
    ]);
  return [
    {
      name: sourceChainName('allow'),
      about: 'service, client: a listed source goes on by after-sources',
      rules: [
        ...listed((family) =>
          goByNumber('after-sources', frontendWidth(family), frontendWidth(family) + 1, 'route-allowed'),
        ),
        [goTo('discard')],
      ],
    },
    {
      name: sourceChainName('deny'),
      about: 'service, client: a listed source ends here',
      rules: [...listed(() => [goTo('discard')]), ...goOn, [expr.verdict({ code: 'drop' })]],
    },
  ];
}

function perKey(ending: (family: Family) => readonly Expression[]): readonly Rule[] {
  return (['exact', 'anyAddress'] as const).flatMap((scope) =>
    forEachFamily((family) => [
      ...loadFrontend(family, scope),
      ...lookUpService(family, frontendWidth(family)),
      ...ending(family),
    ]),
  );
}
