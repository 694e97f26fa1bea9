/* Tests in the order they are written, one after the other. */

import { setTimeout as sleep } from 'node:timers/promises';


const SECONDS = 30;

const tests = [];


/* `title` is the outcome in a sentence. */
export function test(title, run)
{
    tests.push({ title, run });
}


/* Runs all; prints a line for each, and the totals; { passed, failed }. */
export async function runTests(world)
{
    let passed = 0;
    let failed = 0;

    for (const { title, run } of tests) {
        const begun = Date.now();
        const limit = new AbortController();

        try {
            await Promise.race([
                run(world),
                sleep(SECONDS * 1000, null, { signal: limit.signal })
                    .then(() => {
                        throw new Error(`not done after ${SECONDS} s`);
                    }),
            ]);

            passed += 1;
            console.log(`ok - ${title} (${Date.now() - begun} ms)`);

        } catch (error) {
            failed += 1;
            console.log(`not ok - ${title}`);
            console.log(String(error.stack ?? error).replace(/^/gm, '    '));

        } finally {
            limit.abort();
        }
    }

    return { passed, failed };
}
