using System;
using System.Globalization;
using System.IO;
using System.Net.Http;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace Funland.Client
{
    /// <summary>
    /// Calls a Funland server over native REST. Requests and answers are the contract's messages in JSON,
    /// by the contract's names. What fails throws a <see cref="FunlandException"/>.
    /// </summary>
    public sealed class FunlandClient : IDisposable
    {
        private const string Json = "application/json";
        private const string Lines = "application/x-ndjson";

        // Mono allows two connections, and goes on counting those of calls that were ended.
        private readonly HttpClient http = new HttpClient(new HttpClientHandler { MaxConnectionsPerServer = int.MaxValue })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        private readonly string url;

        /// <summary>
        /// Makes a client. Without a URL it is the environment's FUNLAND_URL, else http://127.0.0.1:8000.
        /// A key goes along with every call; keep it to https and this machine.
        /// </summary>
        public FunlandClient(string url = null, string key = null)
        {
            this.url = (url ?? Environment.GetEnvironmentVariable("FUNLAND_URL") ?? "http://127.0.0.1:8000").TrimEnd('/');
            if (!string.IsNullOrEmpty(key))
            {
                http.DefaultRequestHeaders.Add("authorization", "Bearer " + key);
            }
        }

        /// <summary>Makes a call that answers once. A null timeout is for ever.</summary>
        public async Task<JObject> CallAsync(
            HttpMethod method, string path, JObject body, TimeSpan? timeout, CancellationToken caller = default(CancellationToken))
        {
            using (var call = new Call(timeout, caller))
            {
                return await call.Guard(url, async () =>
                {
                    using (var response = await Send(method, path, body, Json, call))
                    {
                        return Parse(await response.Content.ReadAsStringAsync());
                    }
                });
            }
        }

        /// <summary>
        /// Makes a call that streams, and gives each message to <paramref name="read"/>. When that returns
        /// false, or the caller's token is cancelled, the stream is left: the server stops writing.
        /// </summary>
        public async Task StreamAsync(
            string path, JObject body, Func<JObject, Task<bool>> read, TimeSpan? timeout, CancellationToken caller = default(CancellationToken))
        {
            using (var call = new Call(timeout, caller))
            {
                await call.Guard(url, async () =>
                {
                    using (var response = await Send(HttpMethod.Post, path, body, Lines, call))
                    using (call.Token.Register(response.Dispose))
                    using (var lines = new StreamReader(await response.Content.ReadAsStreamAsync(), Encoding.UTF8))
                    {
                        string line;
                        while ((line = await lines.ReadLineAsync()) != null)
                        {
                            var message = Parse(line);
                            if (message["error"] != null)
                            {
                                throw FunlandException.Of((JObject)message["error"]);
                            }
                            if (message["end"] != null)
                            {
                                return true;
                            }
                            if (!await read(message))
                            {
                                call.Leave();
                                return false;
                            }
                        }
                        call.Token.ThrowIfCancellationRequested();
                        throw new FunlandException("The stream was cut off before its end.", "UNAVAILABLE", "SERVER_UNREACHABLE");
                    }
                });
            }
        }

        /// <summary>Ends all calls.</summary>
        public void Dispose()
        {
            http.Dispose();
        }

        private async Task<HttpResponseMessage> Send(HttpMethod method, string path, JObject body, string accept, Call call)
        {
            var request = new HttpRequestMessage(method, url + path);
            request.Headers.TryAddWithoutValidation("accept", accept);
            // A stream may be left amid it: Mono would read on before it takes the connection for another call.
            request.Headers.ConnectionClose = accept != Json;
            if (call.Timeout != null)
            {
                var seconds = call.Timeout.Value.TotalSeconds.ToString(CultureInfo.InvariantCulture);
                request.Headers.Add("x-request-timeout", seconds);
            }
            if (body != null)
            {
                request.Content = new StringContent(body.ToString(Formatting.None), Encoding.UTF8, Json);
            }
            var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, call.Token);
            if (response.IsSuccessStatusCode)
            {
                return response;
            }
            using (response)
            {
                var error = Parse(await response.Content.ReadAsStringAsync())["error"] as JObject;
                throw error != null
                    ? FunlandException.Of(error)
                    : new FunlandException("The answer is none of Funland's: " + response.StatusCode, "UNKNOWN", "");
            }
        }

        private static JObject Parse(string text)
        {
            // Dates stay the texts that they are.
            using (var reader = new JsonTextReader(new StringReader(text)) { DateParseHandling = DateParseHandling.None })
            {
                return JObject.Load(reader);
            }
        }
    }
}
