/* cognito-local: user pools, their clients and users, and signing in. */

import { createRequire } from 'node:module';

import { call } from './http.js';
import { start } from './process.js';


const program = createRequire(import.meta.url)
    .resolve('cognito-local/lib/bin/start.js');

const PASSWORD = 'Correct-horse-7';


export class Cognito {

    /* `dir` becomes the home of its data. */
    static async start(port, dir, log)
    {
        const cognito = new Cognito(`http://127.0.0.1:${port}`);

        await start(process.execPath, [program], {
            log,
            cwd: dir,
            env: { HOST: '127.0.0.1', PORT: String(port) },
            ready: () => call(`${cognito.url}/health`,
                              { method: 'GET', keep: false })
                .then((answer) => answer.status === 200, () => false),
        });

        return cognito;
    }


    constructor(url)
    {
        this.url = url;
    }


    /* One call of the Cognito API; its error's name is the Error's code. */
    async api(target, input)
    {
        const answer = await call(this.url, {
            headers: {
                'X-Amz-Target':
                    `AWSCognitoIdentityProviderService.${target}`,
                'Content-Type': 'application/x-amz-json-1.1',
            },
            keep: false,
            body: JSON.stringify(input),
        });
        const output = JSON.parse(answer.text || '{}');

        if (answer.status !== 200) {
            throw Object.assign(
                new Error(`${target}: ${answer.status} ${answer.text}`),
                { code: output.__type });
        }

        return output;
    }


    async createPool(name)
    {
        const { UserPool } = await this.api('CreateUserPool', {
            PoolName: name,
            UsernameAttributes: ['email'],
            Schema: [{ Name: 'tenantId', AttributeDataType: 'String',
                       Mutable: true }],
        });
        const pool = new Pool(this, UserPool.Id);

        pool.client = await pool.createClient('agents');

        return pool;
    }
}


function email(name)
{
    return `${name}@example.test`;
}


class Pool {

    constructor(cognito, id)
    {
        this.cognito = cognito;
        this.id = id;
        this.iss = `${cognito.url}/${id}`;
        this.password = PASSWORD;       /* of every user */
    }


    /* The client's id; `seconds` of validity of its access tokens. */
    async createClient(name, seconds)
    {
        const { UserPoolClient } = await this.cognito.api(
            'CreateUserPoolClient', {
                UserPoolId: this.id,
                ClientName: name,
                ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH'],
                ...(seconds && {
                    AccessTokenValidity: seconds,
                    TokenValidityUnits: { AccessToken: 'seconds' },
                }),
            });

        return UserPoolClient.ClientId;
    }


    /*
     * A user with a password, in `groups`; attributes as Cognito names them.
     * `name` is the part of the email address before the @.
     */
    async createUser(name, { groups = [], attributes = {} } = {})
    {
        const user = { UserPoolId: this.id, Username: email(name) };

        await this.cognito.api('AdminCreateUser', {
            ...user,
            MessageAction: 'SUPPRESS',
            UserAttributes: Object.entries({
                email: email(name), ...attributes,
            }).map(([Name, Value]) => ({ Name, Value })),
        });

        await this.cognito.api('AdminSetUserPassword', {
            ...user, Password: PASSWORD, Permanent: true,
        });

        for (const group of groups) {
            await this.cognito.api('CreateGroup', {
                UserPoolId: this.id, GroupName: group,
            });
            await this.cognito.api('AdminAddUserToGroup', {
                ...user, GroupName: group,
            });
        }
    }


    async deleteUser(name)
    {
        await this.cognito.api('AdminDeleteUser', {
            UserPoolId: this.id, Username: email(name),
        });
    }


    /* { access, id }: a real sign-in with user name and password. */
    async signIn(name, client = this.client)
    {
        const { AuthenticationResult } = await this.cognito.api(
            'InitiateAuth', {
                AuthFlow: 'USER_PASSWORD_AUTH',
                ClientId: client,
                AuthParameters: { USERNAME: email(name), PASSWORD },
            });

        return {
            access: AuthenticationResult.AccessToken,
            id: AuthenticationResult.IdToken,
        };
    }


    /* The JWK Set, as the pool publishes it. */
    async jwks()
    {
        const answer = await call(`${this.iss}/.well-known/jwks.json`,
                                  { method: 'GET', keep: false });

        return answer.text;
    }
}


/* The claims of a token, unverified. */
export function claims(token)
{
    return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
}


/* The token with other claims and the signature it had. */
export function altered(token, changes)
{
    const [header, , signature] = token.split('.');
    const payload = JSON.stringify({ ...claims(token), ...changes });

    return [header, Buffer.from(payload).toString('base64url'), signature]
        .join('.');
}
