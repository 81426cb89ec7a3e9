import httpx2
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from keystall.platform.http import http_client


async def test_names_below_localhost_reach_this_machine_with_host_kept(
    httpserver: HTTPServer,
) -> None:
    httpserver.expect_request("/").respond_with_handler(
        lambda request: Response(request.headers["Host"])
    )

    async with http_client() as http:
        answer = await http.get(f"http://lulu.localhost:{httpserver.port}/")

    assert answer.text == f"lulu.localhost:{httpserver.port}"


async def test_an_authority_can_be_dialled_elsewhere(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_handler(
        lambda request: Response(request.headers["Host"])
    )
    address = f"127.0.0.1:{httpserver.port}"

    async with http_client({"pay.example.test": address, "pay.example.test:81": "x:1"}) as http:
        answer = await http.get("http://pay.example.test/")

    assert answer.text == "pay.example.test"


async def test_names_that_only_look_local_are_left_to_the_resolver() -> None:
    async with http_client() as http:
        with pytest.raises(httpx2.ConnectError):
            await http.get("http://localhost.invalid/", timeout=5)


async def test_redirects_are_not_followed(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(
        "", status=302, headers={"location": "http://169.254.169.254/"}
    )

    async with http_client() as http:
        answer = await http.get(f"http://a.localhost:{httpserver.port}/")

    assert answer.status_code == 302
