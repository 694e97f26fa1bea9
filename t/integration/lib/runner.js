/* Tests in the order they are written, one after the other. */

import { setTimeout as sleep } from 'node:timers/promises';


/* of a test: only one that hangs takes so long */
const SECONDS = 90;

const tests = [];


/* `title` is the outcome in a sentence. */
export function test(title, run)
{
    tests.push({ title, run });
}


/*
 * Runs all; prints a line for each, and at the end the titles of those that
 * failed; { passed, failed }.
 */
export async function runTests(world)
{
    const failures = [];
    let passed = 0;

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
            failures.push(title);
            console.log(`not ok - ${title}`);
            console.log(String(error.stack ?? error).replace(/^/gm, '    '));

        } finally {
            limit.abort();
        }
    }

    if (failures.length) {
        console.log('\nfailed:');

        for (const title of failures) {
            console.log(`  ${title}`);
        }

        console.log();
    }

    return { passed, failed: failures.length };
}
